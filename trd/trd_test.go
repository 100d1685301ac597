package trd

import "testing"

func TestCatalogue(t *testing.T) {
	all := All()
	if len(all) != 883 {
		t.Fatalf("%d requirements, 883 are in the catalogue", len(all))
	}
	seen := map[string]bool{}
	for _, r := range all {
		if seen[r.ID] {
			t.Errorf("%s stands twice", r.ID)
		}
		seen[r.ID] = true
		if r.Text == "" || r.Title == "" || len(r.Versions) == 0 || len(r.Spec) == 0 {
			t.Errorf("%s is incomplete: %+v", r.ID, r)
		}
		switch r.Role {
		case "client", "server", "bootstrap-server":
		default:
			t.Errorf("%s has role %q", r.ID, r.Role)
		}
		if got, ok := Get(r.ID); !ok || got.Text != r.Text {
			t.Errorf("Get(%s) gives %+v", r.ID, got)
		}
	}
	if _, ok := Get("LWM2M-NONE-C-001"); ok {
		t.Error("an id that does not exist was found")
	}
}
