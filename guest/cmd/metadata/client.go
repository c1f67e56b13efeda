package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// patience is how long an answer may take: a platform's service is next door, and
// where there is none, packets may just vanish.
const patience = 2 * time.Second

// maxAnswer is more than any platform lets user data have, in bytes.
const maxAnswer = 64 << 20

// client asks metadata services.
type client struct {
	http *http.Client
	// privileged sends from a port below 1024, as only root can.
	privileged *http.Client
}

func newClient() *client {
	dialer := &net.Dialer{}
	return &client{
		http: &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dialer.DialContext}},
		privileged: &http.Client{Timeout: patience, Transport: &http.Transport{
			DialContext: dialPrivileged, DisableKeepAlives: true,
		}},
	}
}

// statusError is an answer other than 200.
type statusError struct {
	url    string
	status int
}

func (e statusError) Error() string {
	return fmt.Sprintf("%s: %d %s", e.url, e.status, http.StatusText(e.status))
}

func hasStatus(err error, status int) bool {
	var answer statusError
	return errors.As(err, &answer) && answer.status == status
}

// ask sends a request and returns the content of the answer, which must be 200.
func ask(client *http.Client, method, url string, header http.Header) (string, error) {
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return "", err
	}
	request.Header = header
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", statusError{url, response.StatusCode}
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return "", err
	}
	if len(content) > maxAnswer {
		return "", fmt.Errorf("%s: the answer is larger than %d bytes", url, maxAnswer)
	}
	return string(content), nil
}

// highestPrivilegedPort is the last that only root can send from, see ip(7).
const highestPrivilegedPort = 1023

func dialPrivileged(ctx context.Context, network, address string) (net.Conn, error) {
	for port := 1; port <= highestPrivilegedPort; port++ {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{Port: port}}
		connection, err := dialer.DialContext(ctx, network, address)
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return connection, err
		}
	}
	return nil, errors.New("no privileged port is free")
}
