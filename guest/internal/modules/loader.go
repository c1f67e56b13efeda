package modules

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
)

// Loader loads modules into the kernel, each at most once. It must not be used
// by two goroutines at once: modules are loaded in a fixed order, so that disks
// and interfaces get the same names at every boot.
type Loader struct {
	index    *Index
	settings Settings
	insert   func(path, parameters string) error
	done     map[string]error
}

// NewLoader returns a loader into the running kernel.
func NewLoader(index *Index, settings Settings) *Loader {
	return &Loader{index, settings, insertFile, map[string]error{}}
}

// Load loads the modules that a name or an alias stands for, dependencies
// first. A blacklisted module is passed over unless another needs it. It
// returns the first error after trying them all, and none for what is built
// into the kernel; a name that stands for nothing is syscall.ENOENT.
func (loader *Loader) Load(name string) error {
	if loader.index.builtin[canonical(name)] {
		return nil
	}
	modules := loader.index.resolve(name)
	if len(modules) == 0 {
		return fmt.Errorf("module %s: %w", name, syscall.ENOENT)
	}
	var failure error
	for _, module := range modules {
		if loader.settings.blacklist[module] {
			continue
		}
		if err := loader.loadModule(module); err != nil && failure == nil {
			failure = err
		}
	}
	return failure
}

func (loader *Loader) loadModule(name string) error {
	if err, tried := loader.done[name]; tried {
		return err
	}
	// Soft dependencies can lead back here.
	loader.done[name] = nil
	err := loader.loadNew(name)
	loader.done[name] = err
	return err
}

func (loader *Loader) loadNew(name string) error {
	for _, wanted := range loader.index.preceding[name] {
		for _, module := range loader.index.resolve(wanted) {
			// "Soft": the module works, perhaps with less, when this fails.
			_ = loader.loadModule(module)
		}
	}
	paths := loader.index.paths(name)
	if len(paths) == 0 {
		return fmt.Errorf("module %s: %w", name, syscall.ENOENT)
	}
	for i := len(paths) - 1; i > 0; i-- {
		if err := loader.loadModule(moduleName(paths[i])); err != nil {
			return err
		}
	}
	path := paths[0]
	if !filepath.IsAbs(path) {
		path = filepath.Join(loader.index.directory, path)
	}
	err := loader.insert(path, loader.settings.parameters(name))
	if err != nil && !errors.Is(err, syscall.EEXIST) {
		return fmt.Errorf("module %s: %w", name, err)
	}
	return nil
}
