package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// platform serves files for all platforms: URL without scheme to content.
type platform map[string]string

// start returns a client for which every name leads to the platform.
func (p platform) start(t *testing.T, check func(*http.Request) int) *client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := check(r); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		content, ok := p[r.Host+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, content)
	}))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	c := newClient()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	transport := &http.Transport{DialContext: dial, DialTLSContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	c.http.Transport = transport
	c.privileged.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialPrivileged(ctx, network, address)
	}}
	return c
}

func anyone(*http.Request) int { return http.StatusOK }

// extract runs the provider called name against a platform.
func (p platform) extract(t *testing.T, name string, check func(*http.Request) int) (files store, log string) {
	t.Helper()
	providers, err := selectProviders([]string{name}, p.start(t, check))
	if err != nil {
		t.Fatal(err)
	}
	files, out := newStore(t)
	files.log.verbose = true
	if err := run(providers, files, func(string) error { return nil }, files.log); err != nil {
		t.Fatal(err)
	}
	return files, out.String()
}

const ec2 = "169.254.169.254/latest/"

var amazon = platform{
	ec2 + "meta-data/hostname":                    "ip-10-0-0-1",
	ec2 + "meta-data/public-ipv4":                 "192.0.2.1",
	ec2 + "meta-data/local-ipv4":                  "10.0.0.1",
	ec2 + "meta-data/placement/availability-zone": "eu-west-1a",
	ec2 + "meta-data/instance-type":               "t3.micro",
	ec2 + "meta-data/instance-id":                 "i-1",
	ec2 + "meta-data/public-keys/0/openssh-key":   "ssh-ed25519 AAAA me\n",
	ec2 + "user-data":                             "data",
}

func amazonTree(provider string) map[string]string {
	return map[string]string{
		"provider":            "-rw-r--r-- " + provider,
		"hostname":            "-rw-r--r-- ip-10-0-0-1",
		"public_ipv4":         "-rw-r--r-- 192.0.2.1",
		"local_ipv4":          "-rw-r--r-- 10.0.0.1",
		"availability_zone":   "-rw-r--r-- eu-west-1a",
		"instance_type":       "-rw-r--r-- t3.micro",
		"instance_id":         "-rw-r--r-- i-1",
		"ssh":                 "drwxr-xr-x",
		"ssh/authorized_keys": "-rw------- ssh-ed25519 AAAA me\n",
		"userdata":            "-rw-r--r-- data",
	}
}

func TestAmazon(t *testing.T) {
	for name, provider := range map[string]string{"aws": "AWS", "openstack": "openstack"} {
		files, log := amazon.extract(t, name, anyone)
		// There is no local-hostname, which is only one file less.
		expectTree(t, files.directory, amazonTree(provider))
		if !strings.Contains(log, provider+": no local_hostname: http://169.254.169.254/latest/meta-data/local-hostname: 404 Not Found\n") {
			t.Errorf("%s", log)
		}
	}
}

func TestAmazonThatWantsTokens(t *testing.T) {
	check := func(r *http.Request) int {
		if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "" {
			return http.StatusOK
		}
		if r.Method != http.MethodGet || r.Header.Get("X-aws-ec2-metadata-token") != "secret" {
			return http.StatusUnauthorized
		}
		return http.StatusOK
	}
	withTokens := platform{ec2 + "api/token": "secret"}
	for url, content := range amazon {
		withTokens[url] = content
	}
	files, _ := withTokens.extract(t, "aws", check)
	expectTree(t, files.directory, amazonTree("AWS"))
	files, log := withTokens.extract(t, "openstack", check)
	expectTree(t, files.directory, map[string]string{})
	if !strings.Contains(log, "401 Unauthorized") || !strings.Contains(log, "No metadata/userdata found. Bye") {
		t.Errorf("%s", log)
	}
}

func TestHetzner(t *testing.T) {
	files, _ := platform{
		ec2 + "meta-data/hostname":    "box",
		ec2 + "meta-data/public-ipv4": "192.0.2.1",
		ec2 + "meta-data/instance-id": "4711",
		ec2 + "meta-data/public-keys": `["ssh-rsa A", "ssh-rsa B"]`,
	}.extract(t, "hetzner", anyone)
	expectTree(t, files.directory, map[string]string{
		"provider": "-rw-r--r-- Hetzner", "hostname": "-rw-r--r-- box", "public_ipv4": "-rw-r--r-- 192.0.2.1",
		"instance_id": "-rw-r--r-- 4711", "ssh": "drwxr-xr-x", "ssh/authorized_keys": "-rw------- ssh-rsa A\nssh-rsa B\n",
	})
}

func TestGoogle(t *testing.T) {
	const base = "metadata.google.internal/computeMetadata/v1/"
	google := platform{
		base + "instance/hostname":             "box.internal",
		base + "project/attributes/ssh-keys":   "alice:ssh-rsa A alice\nnonsense\nbob:ssh-rsa B bob:work\n",
		base + "instance/attributes/ssh-keys":  "moby:ssh-rsa C moby",
		base + "instance/attributes/user-data": `{"a": {"content": "b"}}`,
	}
	flavoured := func(r *http.Request) int {
		if r.Header.Get("Metadata-Flavor") != "Google" {
			return http.StatusForbidden
		}
		return http.StatusOK
	}
	files, _ := google.extract(t, "gcp", flavoured)
	expectTree(t, files.directory, map[string]string{
		"provider": "-rw-r--r-- GCP", "hostname": "-rw-r--r-- box.internal", "ssh": "drwxr-xr-x",
		"ssh/authorized_keys": "-rw------- ssh-rsa C moby\nssh-rsa A alice\nssh-rsa B bob:work\n",
		"userdata":            `-rw-r--r-- {"a": {"content": "b"}}`, "a": "-rw-r--r-- b",
	})
}

func TestVultr(t *testing.T) {
	const base = "169.254.169.254/v1/"
	files, _ := platform{
		base:                                "hostname\n",
		base + "hostname":                   "box",
		base + "interfaces/0/ipv4/address":  "192.0.2.1",
		base + "interfaces/1/ipv4/address":  "10.0.0.1",
		base + "interfaces/1/ipv4/netmask":  "255.255.0.0",
		base + "region/regioncode":          "AMS",
		base + "instanceid":                 "42",
		base + "public-keys":                "ssh-rsa A\n",
		"169.254.169.254/latest/user-data":  "not for us",
		"169.254.169.254/v1/user-data":      "nor this",
		"169.254.169.254/v1/interfaces/0/x": "nor this",
	}.extract(t, "vultr", anyone)
	expectTree(t, files.directory, map[string]string{
		"provider": "-rw-r--r-- Vultr", "hostname": "-rw-r--r-- box", "public_ipv4": "-rw-r--r-- 192.0.2.1",
		"private_ipv4": "-rw-r--r-- 10.0.0.1", "private_netmask": "-rw-r--r-- 255.255.0.0", "region_code": "-rw-r--r-- AMS",
		"instance_id": "-rw-r--r-- 42", "ssh": "drwxr-xr-x", "ssh/authorized_keys": "-rw------- ssh-rsa A\n",
	})
}

func TestDigitalOcean(t *testing.T) {
	const base = "169.254.169.254/metadata/v1/"
	files, _ := platform{
		base:              "id\n",
		base + "hostname": "box",
		base + "interfaces/public/0/ipv4/address":  "192.0.2.1",
		base + "interfaces/private/0/ipv4/address": "10.0.0.1",
		base + "region":      "fra1",
		base + "id":          "42",
		base + "public-keys": "ssh-rsa A",
		base + "user-data":   "data",
	}.extract(t, "digitalocean", anyone)
	expectTree(t, files.directory, map[string]string{
		"provider": "-rw-r--r-- DigitalOcean", "hostname": "-rw-r--r-- box", "public_ipv4": "-rw-r--r-- 192.0.2.1",
		"private_ipv4": "-rw-r--r-- 10.0.0.1", "region": "-rw-r--r-- fra1", "id": "-rw-r--r-- 42", "ssh": "drwxr-xr-x",
		"ssh/authorized_keys": "-rw------- ssh-rsa A\n", "userdata": "-rw-r--r-- data",
	})
}

func TestMetaldata(t *testing.T) {
	const base = "metaldata/get/"
	files, _ := platform{
		base + "meta/hostname":        "box",
		base + "meta/public-ipv4":     "192.0.2.1",
		base + "meta/private-ipv4":    "10.0.0.1",
		base + "meta/failure-domain":  "rack 1",
		base + "meta/machine-id":      "m1",
		base + "meta/machine-type":    "big",
		base + "meta/authorized-keys": "ssh-rsa A\nssh-rsa B\n",
		base + "user":                 "data",
	}.extract(t, "metaldata", anyone)
	expectTree(t, files.directory, map[string]string{
		"provider": "-rw-r--r-- metaldata", "hostname": "-rw-r--r-- box", "public_ipv4": "-rw-r--r-- 192.0.2.1",
		"private_ipv4": "-rw-r--r-- 10.0.0.1", "failure_domain": "-rw-r--r-- rack 1", "machine_id": "-rw-r--r-- m1",
		"machine_type": "-rw-r--r-- big", "ssh": "drwxr-xr-x", "ssh/authorized_keys": "-rw------- ssh-rsa A\nssh-rsa B\n",
		"userdata": "-rw-r--r-- data",
	})
}

func TestScaleway(t *testing.T) {
	conf := `ID=1234
HOSTNAME='box'
LOCATION_ZONE_ID="par1"
PUBLIC_IP_ADDRESS=192.0.2.1
SSH_PUBLIC_KEYS=2
SSH_PUBLIC_KEYS_0_KEY='ssh-rsa A me@home'
SSH_PUBLIC_KEYS_1_KEY=ssh-rsa B=
`
	privileged := func(r *http.Request) int {
		_, port, err := net.SplitHostPort(r.RemoteAddr)
		number, _ := strconv.Atoi(port)
		if err != nil || (r.URL.Path != "/conf" && number > 1023) {
			return http.StatusForbidden
		}
		return http.StatusOK
	}
	want := map[string]string{
		"provider": "-rw-r--r-- Scaleway", "hostname": "-rw-r--r-- box", "instance_id": "-rw-r--r-- 1234", "instance_location": "-rw-r--r-- par1",
		"public_ip": "-rw-r--r-- 192.0.2.1", "ssh": "drwxr-xr-x", "ssh/authorized_keys": "-rw------- ssh-rsa A me@home\nssh-rsa B=\n",
	}
	files, _ := platform{"169.254.42.42/conf": conf}.extract(t, "scaleway", privileged)
	expectTree(t, files.directory, want)
	files, _ = platform{"169.254.42.42/conf": conf, "169.254.42.42/user_data/cloud-init": "data"}.extract(t, "scaleway", privileged)
	want["userdata"] = "-rw-r--r-- data"
	expectTree(t, files.directory, want)
}

func TestEquinixMetal(t *testing.T) {
	metadata := `{"hostname": "box", "ssh_keys": ["ssh-rsa A", "ssh-rsa B"], "network": {"interfaces": [], "addresses": []}}`
	want := map[string]string{
		"provider": "-rw-r--r-- EquinixMetal", "hostname": "-rw-r--r-- box", "ssh": "drwxr-xr-x",
		"ssh/authorized_keys": "-rw------- ssh-rsa A\nssh-rsa B", "userdata": "-rw-r--r-- data",
	}
	metal := platform{"metadata.packet.net/metadata": metadata, "metadata.packet.net/userdata": "data"}
	files, _ := metal.extract(t, "equinixmetal", anyone)
	expectTree(t, files.directory, want)
	metal["metadata.packet.net/userdata"] = "#!ipxe\nboot\n"
	files, _ = metal.extract(t, "equinixmetal", anyone)
	delete(want, "userdata")
	expectTree(t, files.directory, want)
}

func TestFirstThatAnswersWins(t *testing.T) {
	providers, err := selectProviders(defaultProviders[:9], amazon.start(t, anyone))
	if err != nil {
		t.Fatal(err)
	}
	if found := providers.probe(logger{out: &strings.Builder{}}); found == nil || found.String() != "AWS" {
		t.Errorf("%v", found)
	}
}
