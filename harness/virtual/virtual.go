// Package virtual enters virtual time: a bubble in which package time moves only when everything in it
// waits, so that a wait of 93 seconds costs microseconds. It is the one place of the program that knows
// testing/synctest.
package virtual

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
)

// Run calls f in a bubble and returns when f and every goroutine it started have ended. Everything f
// waits on has to be made within it; sockets and processes have no place there. Time begins in 2000. A
// goroutine that f leaves behind is an error.
func Run(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("virtual time broke down: %v", r)
		}
	}()
	ran := false
	synctest.Test(&testing.T{}, func(*testing.T) {
		f()
		ran = true
	})
	if !ran {
		return errors.New("virtual time was not entered")
	}
	return nil
}
