package main

import (
	"encoding/json"
	"net/http"
	"strings"
)

// cloud is a platform with a web server that has a small file for everything.
type cloud struct {
	name   string
	base   string // URL that the others are relative to
	header http.Header
	// tokens is the URL that gives out tokens, where it may be that nothing else
	// is given to those who have none: version 2 of Amazon's service.
	tokens   string
	probe    string
	files    []source
	keys     []string // where public keys are; all of them count
	readKeys func(text string) (string, error)
	userdata string
}

// source is a file in the store and the URL of its content.
type source struct{ name, url string }

const (
	linkLocal   = "http://169.254.169.254/"
	tokenTTL    = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
)

var amazonFiles = []source{
	{"hostname", "meta-data/hostname"},
	{"public_ipv4", "meta-data/public-ipv4"},
	{"local_ipv4", "meta-data/local-ipv4"},
	{"availability_zone", "meta-data/placement/availability-zone"},
	{"instance_type", "meta-data/instance-type"},
	{"instance_id", "meta-data/instance-id"},
	{"local_hostname", "meta-data/local-hostname"},
}

// clouds are the platforms by the names they are asked for with.
var clouds = map[string]cloud{
	// docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
	"aws": {
		name:     "AWS",
		base:     linkLocal + "latest/",
		tokens:   "api/token",
		probe:    "meta-data/hostname",
		files:    amazonFiles,
		keys:     []string{"meta-data/public-keys/0/openssh-key"},
		userdata: "user-data",
	},
	// docs.openstack.org/nova/latest/user/metadata.html, "EC2-compatible metadata"
	"openstack": {
		name:     "openstack",
		base:     linkLocal + "latest/",
		probe:    "meta-data/hostname",
		files:    amazonFiles,
		keys:     []string{"meta-data/public-keys/0/openssh-key"},
		userdata: "user-data",
	},
	// docs.hetzner.cloud, "Server metadata"
	"hetzner": {
		name:  "Hetzner",
		base:  linkLocal + "latest/",
		probe: "meta-data/hostname",
		files: []source{
			{"hostname", "meta-data/hostname"},
			{"public_ipv4", "meta-data/public-ipv4"},
			{"local_ipv4", "meta-data/local-ipv4"},
			{"instance_id", "meta-data/instance-id"},
		},
		keys:     []string{"meta-data/public-keys"},
		readKeys: keysOfArray,
		userdata: "user-data",
	},
	// cloud.google.com/compute/docs/metadata/predefined-metadata-keys
	"gcp": {
		name:     "GCP",
		base:     "http://metadata.google.internal/computeMetadata/v1/",
		header:   http.Header{"Metadata-Flavor": {"Google"}},
		probe:    "instance/hostname",
		files:    []source{{"hostname", "instance/hostname"}},
		keys:     []string{"instance/attributes/ssh-keys", "project/attributes/ssh-keys"},
		readKeys: keysAfterUsers,
		userdata: "instance/attributes/user-data",
	},
	// www.vultr.com/metadata
	"vultr": {
		name:  "Vultr",
		base:  linkLocal + "v1/",
		probe: "",
		files: []source{
			{"hostname", "hostname"},
			{"public_ipv4", "interfaces/0/ipv4/address"},
			{"private_ipv4", "interfaces/1/ipv4/address"},
			{"private_netmask", "interfaces/1/ipv4/netmask"},
			{"region_code", "region/regioncode"},
			{"instance_id", "instanceid"},
		},
		keys: []string{"public-keys"},
	},
	// docs.digitalocean.com/reference/api/metadata-api
	"digitalocean": {
		name:  "DigitalOcean",
		base:  linkLocal + "metadata/v1/",
		probe: "",
		files: []source{
			{"hostname", "hostname"},
			{"public_ipv4", "interfaces/public/0/ipv4/address"},
			{"private_ipv4", "interfaces/private/0/ipv4/address"},
			{"region", "region"},
			{"id", "id"},
		},
		keys:     []string{"public-keys"},
		userdata: "user-data",
	},
	// A service of one's own, under this name in one's own network.
	"metaldata": {
		name:  "metaldata",
		base:  "http://metaldata/get/",
		probe: "meta/hostname",
		files: []source{
			{"hostname", "meta/hostname"},
			{"public_ipv4", "meta/public-ipv4"},
			{"private_ipv4", "meta/private-ipv4"},
			{"failure_domain", "meta/failure-domain"},
			{"machine_id", "meta/machine-id"},
			{"machine_type", "meta/machine-type"},
		},
		keys:     []string{"meta/authorized-keys"},
		userdata: "user",
	},
}

// cloudProvider is a cloud and the way to ask it.
type cloudProvider struct {
	cloud
	client *client
}

func (p cloudProvider) String() string { return p.name }

func (p cloudProvider) probe() error {
	_, err := p.get(p.cloud.probe)
	return err
}

func (p cloudProvider) extract(files store) ([]byte, error) {
	for _, file := range p.files {
		content, err := p.get(file.url)
		if err != nil {
			files.log.say("%s: no %s: %v", p, file.name, err)
			continue
		}
		files.write(file.name, content, 0o644)
	}
	if keys := p.readAllKeys(files.log); keys != "" {
		files.writeKeys(keys)
	}
	if p.userdata == "" {
		return nil, nil
	}
	userdata, err := p.get(p.userdata)
	if hasStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return []byte(userdata), err
}

func (p cloudProvider) readAllKeys(log logger) string {
	var all strings.Builder
	for _, url := range p.keys {
		text, err := p.get(url)
		if err == nil && p.readKeys != nil {
			text, err = p.readKeys(text)
		}
		if err != nil {
			log.say("%s: no public keys: %v", p, err)
			continue
		}
		all.WriteString(text)
		if text != "" && !strings.HasSuffix(text, "\n") {
			all.WriteByte('\n')
		}
	}
	return all.String()
}

func (p cloudProvider) get(url string) (string, error) {
	content, err := ask(p.client.http, http.MethodGet, p.base+url, p.header)
	if p.tokens == "" || !hasStatus(err, http.StatusUnauthorized) {
		return content, err
	}
	token, err := ask(p.client.http, http.MethodPut, p.base+p.tokens, http.Header{tokenTTL: {"60"}})
	if err != nil {
		return "", err
	}
	return ask(p.client.http, http.MethodGet, p.base+url, http.Header{tokenHeader: {token}})
}

// keysOfArray reads a JSON array of keys.
func keysOfArray(text string) (string, error) {
	var keys []string
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return "", err
	}
	return strings.Join(keys, "\n"), nil
}

// keysAfterUsers reads lines USER:KEY. All keys are root's: there are no others.
func keysAfterUsers(text string) (string, error) {
	var keys []string
	for _, line := range strings.Split(text, "\n") {
		if _, key, ok := strings.Cut(line, ":"); ok {
			keys = append(keys, strings.TrimSpace(key))
		}
	}
	return strings.Join(keys, "\n"), nil
}
