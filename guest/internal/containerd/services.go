package containerd

const (
	containers = "/containerd.services.containers.v1.Containers/"
	tasks      = "/containerd.services.tasks.v1.Tasks/"

	runtimeName = "io.containerd.runc.v2"
	// specType is the name under which containerd registers the OCI runtime
	// specification; the value of such an Any is JSON, not Protocol Buffers.
	specType = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
)

// ListContainers returns the ids of the namespace's containers.
func (c *Client) ListContainers(namespace string) ([]string, error) {
	answer, err := c.call(namespace, containers+"List", nil)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range answer {
		if entry.id != 1 {
			continue
		}
		container, err := decode(entry.data)
		if err != nil {
			return nil, err
		}
		ids = append(ids, string(find(container, 1).data))
	}
	return ids, nil
}

// CreateContainer registers a container that is nothing but an OCI runtime
// specification in JSON: no image, no snapshot.
func (c *Client) CreateContainer(namespace, id string, spec []byte) error {
	container := message(nil).
		text(1, id).
		bytes(4, message(nil).text(1, runtimeName)).
		bytes(5, message(nil).text(1, specType).bytes(2, spec))
	_, err := c.call(namespace, containers+"Create", message(nil).bytes(1, container))
	return err
}

// DeleteContainer forgets a container without a task.
func (c *Client) DeleteContainer(namespace, id string) error {
	_, err := c.call(namespace, containers+"Delete", message(nil).text(1, id))
	return err
}

// CreateTask sets a container up without starting its process, whose pid it
// returns. The process has no standard input; its output is appended to the
// files or fifos at the two paths, which must exist.
func (c *Client) CreateTask(namespace, id, stdout, stderr string) (pid int, err error) {
	answer, err := c.call(namespace, tasks+"Create", message(nil).text(1, id).text(5, stdout).text(6, stderr))
	if err != nil {
		return 0, err
	}
	return int(find(answer, 2).number), nil
}

// StartTask lets the process of a created task run.
func (c *Client) StartTask(namespace, id string) error {
	_, err := c.call(namespace, tasks+"Start", message(nil).text(1, id))
	return err
}

// KillTask sends a signal to the task's first process.
func (c *Client) KillTask(namespace, id string, signal int) error {
	_, err := c.call(namespace, tasks+"Kill", message(nil).text(1, id).varint(3, uint64(signal)))
	return err
}

// WaitTask returns the exit status of the task's first process once it ended.
func (c *Client) WaitTask(namespace, id string) (status int, err error) {
	answer, err := c.call(namespace, tasks+"Wait", message(nil).text(1, id))
	if err != nil {
		return 0, err
	}
	return int(find(answer, 1).number), nil
}

// DeleteTask removes a task whose process has ended.
func (c *Client) DeleteTask(namespace, id string) error {
	_, err := c.call(namespace, tasks+"Delete", message(nil).text(1, id))
	return err
}
