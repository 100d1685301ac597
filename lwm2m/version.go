// Package lwm2m holds the vocabulary of OMA Lightweight M2M that everything else speaks: enabler
// versions, paths, values, the value tree that every payload format decodes into, content formats
// and findings. Its sub-packages hold the payload codecs, the object model and the operations.
// Nothing here does I/O, and nothing here knows CoAP messages.
package lwm2m

import "fmt"

// Version is a version of the LwM2M enabler as the lwm2m parameter spells it (Core 6.2.1): major and
// minor number only; a micro version never appears on the wire.
type Version uint8

// The enabler versions this project knows, ordered so that they compare with < and >.
const (
	V1_0 Version = 10
	V1_1 Version = 11
	V1_2 Version = 12
)

// Versions lists all known enabler versions, oldest first.
func Versions() []Version { return []Version{V1_0, V1_1, V1_2} }

// String gives the version as it stands in the lwm2m parameter, for example "1.1".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v/10, v%10) }

// ParseVersion reads "1.0", "1.1" or "1.2".
func ParseVersion(s string) (Version, error) {
	for _, v := range Versions() {
		if s == v.String() {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q is no LwM2M version: use 1.0, 1.1 or 1.2", s)
}
