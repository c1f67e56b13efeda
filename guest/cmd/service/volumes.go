package main

import (
	"fmt"
	"os"
	"path/filepath"

	"linuxkit/guest/internal/mount"
)

// mountVolumes provides every volume in directory. It returns the exit status.
func mountVolumes(directory string, log logger) int {
	volumes, err := os.ReadDir(directory)
	if err != nil {
		return 1
	}
	for _, volume := range volumes {
		if !volume.IsDir() {
			continue
		}
		kind, err := mountVolume(filepath.Join(directory, volume.Name()))
		if err != nil {
			log.problem("cannot mount volume "+volume.Name(), err, "")
			return 1
		}
		log.info("Volume %s is %s", volume.Name(), kind)
	}
	return 0
}

// mountVolume shows a volume's content, the directory lower, on merged. When
// the volume has a directory tmp, changes are possible and kept there in
// memory.
func mountVolume(volume string) (kind string, err error) {
	lower, merged, tmp := filepath.Join(volume, "lower"), filepath.Join(volume, "merged"), filepath.Join(volume, "tmp")
	for _, path := range []string{merged, lower} {
		if !isDirectory(path) {
			return "", fmt.Errorf("%s is missing", path)
		}
	}
	if !isDirectory(tmp) {
		return "read-only", mount.Mount(lower, merged, "", []string{"bind", "ro", "relatime"})
	}
	if err := mount.Mount("tmpfs", tmp, "tmpfs", []string{"relatime"}); err != nil {
		return "", err
	}
	upper, work := filepath.Join(tmp, "upper"), filepath.Join(tmp, "work")
	for _, path := range []string{upper, work} {
		if err := os.Mkdir(path, 0o755); err != nil {
			return "", err
		}
	}
	return "read-write", mount.Mount("overlay", merged, "overlay", []string{
		"relatime", "lowerdir=" + lower, "upperdir=" + upper, "workdir=" + work,
	})
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
