package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"linuxkit/guest/internal/containerd"
	"linuxkit/guest/internal/logs"
)

const (
	servicesDirectory   = "/containers/services"
	serviceLogDirectory = "/var/log"
	defaultNamespace    = "services.linuxkit"
)

const usage = `Usage: service [-q | -v] [-containerd-namespace NS] COMMAND

  start [-sock PATH] [-path DIR] [-dump-spec FILE] NAME   start a service
  stop [-sock PATH] [-path DIR] NAME                      stop a service
  restart [-sock PATH] [-path DIR] NAME                   stop and start a service
  system-init [-sock PATH] [-path DIR] [-containerd FILE] start containerd and all services

Options:
  -q                         print errors only
  -v                         print details
  -containerd-namespace NS   containerd namespace of services (default services.linuxkit)

Command options:
  -sock PATH        socket of containerd (default /run/containerd/containerd.sock)
  -path DIR         directory of services (default /containers/services)
  -dump-spec FILE   write the final OCI specification to FILE
  -containerd FILE  program to start (default /usr/bin/containerd)
`

// refuse explains a wrong call and returns the exit status for it.
func refuse(err error) int {
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Fprint(os.Stderr, usage)
	return 1
}

// globalOptions are the options before the command.
type globalOptions struct {
	log       logger
	namespace string
}

func parseOptions(arguments []string) (options globalOptions, rest []string, err error) {
	flags := newFlags("service")
	quiet := flags.Bool("q", false, "")
	verbose := flags.Bool("v", false, "")
	flags.StringVar(&options.namespace, "containerd-namespace", defaultNamespace, "")
	if err := flags.Parse(arguments); err != nil {
		return options, nil, err
	}
	options.log = logger{out: os.Stderr, level: infoLevel}
	switch {
	case *quiet && *verbose:
		return options, nil, errors.New("-q and -v exclude each other")
	case *quiet:
		options.log.level = errorLevel
	case *verbose:
		options.log.level, options.log.structured = debugLevel, true
	}
	return options, flags.Args(), nil
}

// commandOptions are the options after the command.
type commandOptions struct {
	socket, directory, dump, program string
}

func runCommand(global globalOptions, arguments []string) int {
	name := arguments[0]
	var options commandOptions
	flags := newFlags(name)
	flags.StringVar(&options.socket, "sock", socketPath, "")
	flags.StringVar(&options.directory, "path", servicesDirectory, "")
	names, wanted := 1, "one service name"
	switch name {
	case "start":
		flags.StringVar(&options.dump, "dump-spec", "", "")
	case "stop", "restart":
	case "system-init":
		flags.StringVar(&options.program, "containerd", containerdProgram, "")
		names, wanted = 0, "no arguments"
	default:
		return refuse(fmt.Errorf("%q is not valid command.", name))
	}
	if err := flags.Parse(arguments[1:]); err != nil {
		return refuse(err)
	}
	if flags.NArg() != names {
		return refuse(fmt.Errorf("%s takes %s", name, wanted))
	}
	if name == "system-init" {
		return systemInit(global, options)
	}
	return manage(global, options, name, flags.Arg(0))
}

func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

func connectedServices(global globalOptions, options commandOptions, client *containerd.Client) services {
	if err := os.MkdirAll(serviceLogDirectory, 0o755); err != nil {
		global.log.problem("cannot keep logs", err, "")
	}
	return services{
		client:    client,
		namespace: global.namespace,
		bundles:   options.directory,
		logs:      logs.New(serviceLogDirectory),
		log:       global.log,
	}
}

// systemInit starts containerd and all services.
func systemInit(global globalOptions, options commandOptions) int {
	client, err := startDaemon(options.program, daemonConfigPath, options.socket)
	if err != nil {
		global.log.problem("cannot start containerd", err, "")
		return 1
	}
	defer client.Close()
	all := connectedServices(global, options, client)
	if err := all.sweep(); err != nil {
		global.log.problem("cannot list containers", err, "")
		return 1
	}
	all.startAll()
	return 0
}

// manage starts, stops or restarts one service.
func manage(global globalOptions, options commandOptions, command, name string) int {
	client, err := containerd.Dial(options.socket)
	if err != nil {
		global.log.problem("cannot connect to containerd", err, name)
		return 1
	}
	defer client.Close()
	all := connectedServices(global, options, client)
	if command != "start" {
		global.log.info("Stopping service: %q", name)
		if err := all.stop(name); err != nil {
			all.complain("cannot stop service", err, name)
			return 1
		}
	}
	if command != "stop" {
		global.log.info("Starting service: %q", name)
		if err := all.start(name, options.dump); err != nil {
			all.complain("cannot start service", err, name)
			return 1
		}
	}
	return 0
}
