// Command tenantry runs the tenancy of an AI-agent platform.
package main

import (
	"os"

	_ "time/tzdata" // zones on machines that have none

	"github.com/tenantry/tenantry/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())) }
