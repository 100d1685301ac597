package registration

import (
	"strconv"
	"strings"

	"github.com/lwm2mspec/lwm2mspec/lwm2m"
	"github.com/lwm2mspec/lwm2mspec/lwm2m/linkformat"
)

// Discovered is the answer to a Discover or Bootstrap-Discover.
type Discovered struct {
	Links []DiscoveredLink
	// Version is the enabler version of a Bootstrap-Discover's root link; empty when there is none.
	Version string
	// Legacy: the version stands in the old form, without a link before it (LwM2M 1.0).
	Legacy bool
}

// DiscoveredLink is one link with the path it names.
type DiscoveredLink struct {
	Path lwm2m.Path
	linkformat.Link
}

// ParseDiscover reads the answer to a Discover.
func ParseDiscover(payload []byte, prefix string) (Discovered, []lwm2m.Finding) {
	links, fs := linkformat.Decode(payload)
	var d Discovered
	for _, k := range links {
		p, ok := k.Path(prefix)
		if !ok {
			fs = append(fs, at(k, "target", lwm2m.MUST, "<%s> is no path of LwM2M", k.Target))
			continue
		}
		d.Links = append(d.Links, DiscoveredLink{p, k})
	}
	return d, fs
}

// ParseBootstrapDiscover reads the answer to a Bootstrap-Discover (Core 6.1.7.3). The old form, with
// lwm2m= before the first link, is read with a SHOULD finding.
func ParseBootstrapDiscover(payload []byte) (Discovered, []lwm2m.Finding) {
	var legacy string
	var fs []lwm2m.Finding
	if rest, ok := strings.CutPrefix(string(payload), "lwm2m="); ok {
		var tail string
		legacy, tail, _ = strings.Cut(rest, ",")
		legacy = strings.Trim(legacy, `"`)
		fs = append(fs, finding("legacy-version", lwm2m.SHOULD, "the version stands without the root link </> before it"))
		payload = []byte(strings.TrimLeft(tail, " "))
	}
	d, more := ParseDiscover(payload, "")
	d.Version, d.Legacy = legacy, legacy != ""
	if k, ok := d.Link(lwm2m.Path{}); ok {
		if v, has := k.Get("lwm2m"); has {
			d.Version = v.Value
		}
	}
	return d, append(fs, more...)
}

// Link gives the link of a path.
func (d Discovered) Link(p lwm2m.Path) (DiscoveredLink, bool) {
	for _, l := range d.Links {
		if l.Path == p {
			return l, true
		}
	}
	return DiscoveredLink{}, false
}

// ShortServerID is the link's ssid.
func (l DiscoveredLink) ShortServerID() (uint16, bool) {
	a, ok := l.Get("ssid")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(a.Value, 10, 16)
	return uint16(n), err == nil
}
