// Package harness is what a test case stands on: the table a case is (Case, Step, Criterion), the
// vocabulary its steps and checks are written in, and the engine that plays the table against an
// implementation under test and judges every criterion. The reference peers, the profiles and the
// controls live below it; report formats and Ginkgo do not live here.
//
// A case package imports harness with a dot, so that a case reads like the table of the ETS.
package harness
