package netlink

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// enterNetwork puts the test's thread into a new network namespace. The thread
// is never unlocked, so it ends with the test.
func enterNetwork(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Skipf("no new network namespace here: %v", err)
	}
}

// startElsewhere starts a process in one more network namespace.
func startElsewhere(t *testing.T) int {
	t.Helper()
	command := exec.Command("sleep", "60")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Skipf("no process in a new network namespace: %v", err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	return command.Process.Pid
}

func names(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestConfigureLoopback(t *testing.T) {
	enterNetwork(t)
	for range []int{1, 2} {
		if err := ConfigureLoopback(); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	target := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 9}
	if err := syscall.Sendto(fd, []byte("x"), 0, target); err != nil {
		t.Errorf("lo does not carry packets: %v", err)
	}
}

func TestMissingLink(t *testing.T) {
	enterNetwork(t)
	socket, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if _, err := socket.Index("nothing0"); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("got %v", err)
	}
}

func TestCreateAndMove(t *testing.T) {
	enterNetwork(t)
	pid := startElsewhere(t)
	here, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	if err := here.CreateVeth("inside0", "outside0"); err != nil {
		if errors.Is(err, syscall.EOPNOTSUPP) {
			t.Skip("this kernel has no veth")
		}
		t.Fatal(err)
	}
	if err := here.CreateVeth("inside0", "other0"); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("second creation: %v", err)
	}
	if err := here.MoveTo("inside0", pid); err != nil {
		t.Fatal(err)
	}
	there, err := OpenIn(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if _, err := there.Index("inside0"); err != nil {
		t.Error(err)
	}
	if _, err := here.Index("outside0"); err != nil {
		t.Error(err)
	}
	if list := names(t, "/proc/thread-self/net/dev"); strings.Contains(list, "inside0") || !strings.Contains(list, "outside0") {
		t.Errorf("links that stayed here: %s", list)
	}
}

func TestCreateInside(t *testing.T) {
	enterNetwork(t)
	pid := startElsewhere(t)
	there, err := OpenIn(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	for _, kind := range []string{"dummy", "bridge"} {
		if err := there.Create(kind+"7", kind); errors.Is(err, syscall.EOPNOTSUPP) {
			t.Logf("this kernel has no %s", kind)
		} else if err != nil {
			t.Fatal(err)
		} else if _, err := there.Index(kind + "7"); err != nil {
			t.Error(err)
		}
	}
	if list := names(t, "/proc/thread-self/net/dev"); strings.Contains(list, "7:") {
		t.Errorf("link was created here: %s", list)
	}
	if err := there.Create("odd0", "nosuchkind"); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("unknown type: %v", err)
	}
}

func TestAddressesAndRoutes(t *testing.T) {
	enterNetwork(t)
	socket, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := socket.CreateVeth("one0", "two0"); err != nil {
		if errors.Is(err, syscall.EOPNOTSUPP) {
			t.Skip("this kernel has no veth")
		}
		t.Fatal(err)
	}
	index, err := socket.Index("one0")
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.Rename(index, "other0"); err != nil {
		t.Fatal(err)
	}
	address := netip.MustParsePrefix("192.0.2.1/24")
	gateway := netip.MustParseAddr("192.0.2.2")
	destination := netip.MustParsePrefix("10.1.2.3/8")
	if err := socket.AddRoute(index, destination, gateway); err == nil {
		t.Error("a route without an address")
	}
	for _, step := range []error{
		socket.SetUp(index, true),
		socket.AddAddress(index, address),
		socket.AddAddress(index, netip.MustParsePrefix("2001:db8::1/64")),
		socket.AddRoute(index, destination, gateway),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	// Destination 10.0.0.0, gateway 192.0.2.2, mask 255.0.0.0, as proc_pid_net(5) has them on a little-endian machine.
	if routes := names(t, "/proc/thread-self/net/route"); native == binary.LittleEndian &&
		!strings.Contains(routes, "other0\t0000000A\t020200C0\t0003\t0\t0\t0\t000000FF") {
		t.Errorf("%s", routes)
	}
	if addresses := names(t, "/proc/thread-self/net/if_inet6"); !strings.Contains(addresses, "20010db8000000000000000000000001") {
		t.Errorf("%s", addresses)
	}
	if err := socket.AddAddress(index, address); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("the address again: %v", err)
	}
	if err := socket.DeleteAddress(index, address); err != nil {
		t.Error(err)
	}
	if err := socket.DeleteAddress(index, address); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("no address: %v", err)
	}
	if err := socket.SetMaster(index, index); err == nil {
		t.Error("its own master")
	}
}
