// Package tlv reads and writes application/vnd.oma.lwm2m+tlv (11542), TS 1.0 section 6.4.3, Core 1.1
// section 7.4.4, Core 1.2 section 7.5.5, with the values of appendix C.
//
// TLV does not tell the type of a value. Where the model does not either, a value is Opaque.
package tlv

// kind is what bits 7 and 6 of the type byte say.
type kind uint8

const (
	objectInstance kind = iota
	resourceInstance
	multipleResource
	resource
)

var kindNames = [...]string{"an Object Instance", "a Resource Instance", "a Multiple Resource", "a Resource"}

// String names the kind with its article.
func (k kind) String() string { return kindNames[k] }

// Parts of the type byte beside the kind.
const (
	wideID    = 0x20 // the identifier has 16 bits
	shortMask = 0x07 // the length, when there is no length field
	maxLength = 1<<24 - 1
)

// lengthWidth is how many bytes the length field needs; 0: the length stands in the type byte.
func lengthWidth(n int) int {
	switch {
	case n < 8:
		return 0
	case n < 1<<8:
		return 1
	case n < 1<<16:
		return 2
	}
	return 3
}
