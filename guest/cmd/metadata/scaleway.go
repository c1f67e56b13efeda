package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// scaleway describes the machine in one file of lines KEY=value; see
// www.scaleway.com/en/docs/instances/how-to/use-instance-metadata
// and .../use-cloud-init.
type scaleway struct {
	client *client
	base   string
}

func newScaleway(client *client) scaleway {
	return scaleway{client, "http://169.254.42.42/"}
}

func (scaleway) String() string { return "Scaleway" }

func (s scaleway) probe() error {
	_, err := s.settings()
	return err
}

func (s scaleway) settings() (map[string]string, error) {
	text, err := ask(s.client.http, http.MethodGet, s.base+"conf", nil)
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			settings[key] = strings.Trim(value, `"'`)
		}
	}
	return settings, nil
}

func (s scaleway) extract(files store) ([]byte, error) {
	settings, err := s.settings()
	if err != nil {
		return nil, err
	}
	for _, file := range []struct{ name, key string }{
		{"hostname", "HOSTNAME"},
		{"instance_id", "ID"},
		{"instance_location", "LOCATION_ZONE_ID"},
		{"public_ip", "PUBLIC_IP_ADDRESS"},
		{"private_ip", "PRIVATE_IP"},
	} {
		if value, ok := settings[file.key]; ok {
			files.write(file.name, value, 0o644)
		} else {
			files.log.say("%s: no %s: there is no %s", s, file.name, file.key)
		}
	}
	if keys := keysOfSettings(settings); keys != "" {
		files.writeKeys(keys)
	}
	// User data may be secret, so only root gets it.
	userdata, err := ask(s.client.privileged, http.MethodGet, s.base+"user_data/cloud-init", nil)
	if hasStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return []byte(userdata), err
}

func keysOfSettings(settings map[string]string) string {
	count, err := strconv.Atoi(settings["SSH_PUBLIC_KEYS"])
	if err != nil {
		return ""
	}
	var keys strings.Builder
	for number := 0; number < count; number++ {
		key, ok := settings[fmt.Sprintf("SSH_PUBLIC_KEYS_%d_KEY", number)]
		if !ok {
			break
		}
		keys.WriteString(key + "\n")
	}
	return keys.String()
}
