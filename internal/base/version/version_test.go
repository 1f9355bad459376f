package version

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestABuildIsDescribedByTheBestThatIsKnown(t *testing.T) {
	t.Parallel()
	build := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "1f0c2d9b7a31e5f6a7b8c9d0e1f2a3b4c5d6e7f8"}
	dirty := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	tail := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	for _, tt := range []struct {
		release string
		build   *debug.BuildInfo
		want    string
	}{
		{"", nil, "devel (" + tail},
		{"", build("(devel)"), "devel (" + tail},
		{"", build(""), "devel (" + tail},
		{"", build("v1.2.3"), "v1.2.3 (" + tail},
		{"v2.0.0", build("v1.2.3", revision, clean), "v2.0.0 (1f0c2d9b7a31, " + tail},
		{"", build("(devel)", revision, dirty), "devel (1f0c2d9b7a31+dirty, " + tail},
		{"", build("", debug.BuildSetting{Key: "vcs.revision", Value: "42"}), "devel (42, " + tail},
	} {
		if got := describe(tt.release, tt.build).String(); got != tt.want {
			t.Errorf("%q, %+v: %q, want %q", tt.release, tt.build, got, tt.want)
		}
	}
}

func TestTheRunningProgramIsOneLine(t *testing.T) {
	t.Parallel()
	got := String()
	if strings.Contains(got, "\n") || !strings.HasSuffix(got, runtime.GOARCH+")") || !strings.HasPrefix(got, Devel) {
		t.Errorf("got %q", got)
	}
}
