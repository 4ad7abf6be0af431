//go:build never

// Package mesosgo names the programs of mesos-go that are built here, so that the go command
// keeps what they need in go.mod. It is never built itself.
package mesosgo

import (
	_ "github.com/mesos/mesos-go/api/v1/cmd/example-executor"
	_ "github.com/mesos/mesos-go/api/v1/cmd/example-scheduler"
	_ "github.com/mesos/mesos-go/api/v1/cmd/msh"
	_ "github.com/mesos/mesos-go/api/v1/cmd/mwatch"
)
