// Package testcases is the table of all cases: what a run, list, explain and the tests go through. The
// cases live in the packages below, one per group of the ETS, one file per case.
package testcases

import (
	"github.com/lwm2mspec/lwm2mspec/harness"
	"github.com/lwm2mspec/lwm2mspec/testcases/bootstrap"
	"github.com/lwm2mspec/lwm2mspec/testcases/devicemanagement"
	"github.com/lwm2mspec/lwm2mspec/testcases/registration"
	"github.com/lwm2mspec/lwm2mspec/testcases/reporting"
	"github.com/lwm2mspec/lwm2mspec/testcases/security"
)

// Constructors gives every implemented case, in the order of the ETS.
func Constructors() []harness.Constructor {
	return []harness.Constructor{
		bootstrap.Int0,
		registration.Int101,
		registration.Int102,
		registration.Int103,
		registration.Int104,
		registration.Int105,
		devicemanagement.Int201,
		devicemanagement.Int203,
		devicemanagement.Int222,
		reporting.Int301,
		security.Int401,
	}
}

// All gives a fresh table of every implemented case.
func All() []harness.Case {
	var out []harness.Case
	for _, c := range Constructors() {
		out = append(out, c())
	}
	return out
}

// Get gives the constructor of a case, by its canonical id.
func Get(id string) (harness.Constructor, bool) {
	for _, c := range Constructors() {
		if c().ID == id {
			return c, true
		}
	}
	return nil, false
}
