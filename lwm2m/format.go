package lwm2m

import "fmt"

// ContentFormat is a CoAP Content-Format number that LwM2M uses (Core 7.5, IANA registry).
type ContentFormat uint16

// The content formats of LwM2M.
const (
	FormatText          ContentFormat = 0     // text/plain;charset=utf-8
	FormatLink          ContentFormat = 40    // application/link-format
	FormatOpaque        ContentFormat = 42    // application/octet-stream
	FormatCBOR          ContentFormat = 60    // application/cbor, since 1.1.1
	FormatSenMLJSON     ContentFormat = 110   // application/senml+json, since 1.1
	FormatSenMLCBOR     ContentFormat = 112   // application/senml+cbor, since 1.1
	FormatSenMLETCHJSON ContentFormat = 320   // application/senml-etch+json, since 1.2
	FormatSenMLETCHCBOR ContentFormat = 322   // application/senml-etch+cbor, since 1.2
	FormatTLV           ContentFormat = 11542 // application/vnd.oma.lwm2m+tlv
	FormatJSON          ContentFormat = 11543 // application/vnd.oma.lwm2m+json, 1.0 only for clients
	FormatLwM2MCBOR     ContentFormat = 11544 // application/vnd.oma.lwm2m+cbor, since 1.2
)

var formatNames = map[ContentFormat]string{
	FormatText: "text", FormatLink: "link-format", FormatOpaque: "opaque", FormatCBOR: "cbor",
	FormatSenMLJSON: "senml-json", FormatSenMLCBOR: "senml-cbor",
	FormatSenMLETCHJSON: "senml-etch-json", FormatSenMLETCHCBOR: "senml-etch-cbor",
	FormatTLV: "tlv", FormatJSON: "lwm2m-json", FormatLwM2MCBOR: "lwm2m-cbor",
}

// String is the short name with the number, for example "tlv (11542)".
func (f ContentFormat) String() string {
	if n, ok := formatNames[f]; ok {
		return fmt.Sprintf("%s (%d)", n, uint16(f))
	}
	return fmt.Sprintf("content format %d", uint16(f))
}

// Name is the short name, or the number of an unknown format.
func (f ContentFormat) Name() string {
	if n, ok := formatNames[f]; ok {
		return n
	}
	return fmt.Sprint(uint16(f))
}

// Known reports whether LwM2M defines the format.
func (f ContentFormat) Known() bool { _, ok := formatNames[f]; return ok }

// Since is the first enabler version that has the format.
func (f ContentFormat) Since() Version {
	switch f {
	case FormatCBOR, FormatSenMLJSON, FormatSenMLCBOR:
		return V1_1
	case FormatSenMLETCHJSON, FormatSenMLETCHCBOR, FormatLwM2MCBOR:
		return V1_2
	}
	return V1_0
}
