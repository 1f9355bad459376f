package draft

import "errors"

// errDeclined rolls a change back that can be made and does not lead there.
var errDeclined = errors.New("draft: declined")
