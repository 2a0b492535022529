package web

import "github.com/jauap/jauap/web/api"

// fault words what a mailbox that had proven its key did wrong; empty for nothing. What
// answers in its place with another key stands among the ways that were tried.
func (x *turn) fault(kind string) string {
	switch kind {
	case api.FaultSums:
		return x.T("fault.sums")
	case api.FaultList:
		return x.T("fault.list")
	case api.FaultGarbage:
		return x.T("fault.garbage")
	case api.FaultStall:
		return x.T("fault.stall")
	}
	return ""
}
