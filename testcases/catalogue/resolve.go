package catalogue

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Resolve gives the cases a pattern names, in the order of the ETS: a canonical id, a name in another
// edition ("1.0-int-102"), a short one ("int-102"), or a glob over any of them ("int-10*"). A pattern
// that matches nothing is an error that names the nearest ids.
func Resolve(pattern string) ([]Case, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%q is no pattern: %w", pattern, err)
	}
	var out []Case
	for _, c := range All() {
		for _, name := range append([]string{c.ID}, c.Aliases()...) {
			if ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(name)); ok {
				out = append(out, c)
				break
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no case is named %q: the nearest are %s", pattern, strings.Join(nearest(pattern, 3), ", "))
	}
	return out, nil
}

// nearest gives the n ids with the least edit distance to the pattern.
func nearest(pattern string, n int) []string {
	type candidate struct {
		id       string
		distance int
	}
	var all []candidate
	for _, c := range All() {
		best := candidate{c.ID, 1 << 30}
		for _, name := range append([]string{c.ID}, c.Aliases()...) {
			if d := distance(strings.ToLower(pattern), strings.ToLower(name)); d < best.distance {
				best = candidate{c.ShortID(), d}
			}
		}
		all = append(all, best)
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.distance - b.distance })
	var out []string
	for _, c := range all[:min(n, len(all))] {
		out = append(out, c.id)
	}
	return out
}

// distance is the number of letters to insert, remove or replace.
func distance(a, b string) int {
	if len(a) > 80 {
		a = a[:80]
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := last
			if a[i-1] != b[j-1] {
				cost++
			}
			last = row[j]
			row[j] = min(row[j]+1, row[j-1]+1, cost)
		}
	}
	return row[len(b)]
}
