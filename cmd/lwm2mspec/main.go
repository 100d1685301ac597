// Command lwm2mspec tests implementations of OMA Lightweight M2M against the OMA Enabler Test
// Specification. This package holds flags, sub-commands and exit codes, and neither protocol nor
// verdicts.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lwm2mspec/lwm2mspec/reports"
)

// The exit codes beside those of results.ExitCode.
const (
	exitUsage = 64 // bad input: nothing was run
	exitError = 2  // lwm2mspec could not do its work
)

// coded is an error that ends the program with its own code; without a text it has been told already.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string {
	if c.err == nil {
		return ""
	}
	return c.err.Error()
}

func usage(err error) error { return coded{exitUsage, err} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	root := command()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var c coded
	if !errors.As(err, &c) {
		c = coded{exitUsage, err} // cobra's own errors are about the command line
	}
	for line := range strings.SplitSeq(c.Error(), "\n") {
		if line != "" {
			fmt.Fprintln(os.Stderr, "lwm2mspec: "+reports.Safe(line))
		}
	}
	return c.code
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "lwm2mspec",
		Short:         "tests LwM2M clients, servers and bootstrap servers against the OMA Enabler Test Specification",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(runCommand(), listCommand(), explainCommand(), iutCommand(), peerCommand(), reportCommand(), objectCommand(), versionCommand())
	return root
}
