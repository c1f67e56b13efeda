// Package runtimeconfig reads a bundle's runtime.json and carries it out: what
// has to happen around a container that its OCI config.json cannot say.
package runtimeconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is the name of the file inside a bundle.
const FileName = "runtime.json"

// Config is the content of runtime.json. Everything is optional.
type Config struct {
	Mounts     []Mount     `json:"mounts"`
	Mkdir      []string    `json:"mkdir"`
	Cgroups    []string    `json:"cgroups"`
	Interfaces []Interface `json:"interfaces"`
	BindNS     Namespaces  `json:"bindNS"`
	Namespace  string      `json:"namespace"` // of containerd, services only
}

// Mount is a mount in the root mount namespace. A relative destination is
// inside the bundle's rootfs.
type Mount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options"`
}

// Interface is a network interface for the container: an existing one that
// moves in, or a new one of the type Add.
type Interface struct {
	Name         string `json:"name"`
	Add          string `json:"add"`
	Peer         string `json:"peer"`
	CreateInRoot bool   `json:"createInRoot"`
}

// Namespaces holds the files to pin the container's namespaces to.
type Namespaces struct {
	Cgroup string `json:"cgroup"`
	IPC    string `json:"ipc"`
	Mnt    string `json:"mnt"`
	Net    string `json:"net"`
	PID    string `json:"pid"`
	User   string `json:"user"`
	UTS    string `json:"uts"`
}

// Load reads the runtime.json of a bundle. A bundle without one needs nothing.
func Load(bundle string) (Config, error) {
	var config Config
	path := filepath.Join(bundle, FileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return config, nil
	}
	if err != nil {
		return config, err
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}
