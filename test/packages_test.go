package test

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	obeyed(t, packagesAreDescribed)
}

// packagesAreDescribed wants one comment on each package: two would be printed
// as one, in an order nobody chose.
func packagesAreDescribed(files []goFile) (faults []string) {
	type description struct{ name, comment, file string }
	described := map[string][]description{}
	for _, f := range files {
		if f.isTest() {
			continue
		}
		folder := f.dir()
		if _, ok := described[folder]; !ok {
			described[folder] = nil
		}
		if doc := f.syntax.Doc.Text(); doc != "" {
			described[folder] = append(described[folder], description{f.syntax.Name.Name, doc, f.path})
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(described)) {
		found := described[folder]
		if len(found) != 1 {
			var where []string
			for _, d := range found {
				where = append(where, d.file)
			}
			faults = append(faults, fmt.Sprintf("%q has %d package comments, want one %v", folder, len(found), where))
			continue
		}
		want := "Package " + found[0].name + " "
		if found[0].name == "main" {
			want = "Command " + path.Base(folder) + " "
		}
		if !strings.HasPrefix(found[0].comment, want) {
			faults = append(faults, fmt.Sprintf("the package comment in %s does not start with %q", found[0].file, want))
		}
	}
	return faults
}

func TestEveryPackageSaysWhatItIsCanFail(t *testing.T) {
	t.Parallel()
	const good = "// Package quota counts.\npackage quota\n"
	noticed(t, packagesAreDescribed, 0, "q/quota.go", good, "q/store.go", "package quota", "q/quota_test.go", "package quota_test")
	noticed(t, packagesAreDescribed, 0, "cmd/tenantry/main.go", "// Command tenantry runs.\npackage main")
	noticed(t, packagesAreDescribed, 1, "q/quota.go", "package quota")
	noticed(t, packagesAreDescribed, 1, "q/quota.go", "// Package quota counts.\n\npackage quota")
	noticed(t, packagesAreDescribed, 1, "q/quota.go", "// This package counts.\npackage quota")
	noticed(t, packagesAreDescribed, 1, "q/quota.go", good, "q/store.go", good)
	noticed(t, packagesAreDescribed, 1, "q/quota_test.go", good, "q/store.go", "package quota")
	noticed(t, packagesAreDescribed, 1, "cmd/tenantry/main.go", "// Package main runs.\npackage main")
}

// drawers are names that say nothing about what is inside.
var drawers = regexp.MustCompile(`^(utils?|commons?|helpers?|core|models?|managers?)$`)

func TestNothingIsNamedLikeADrawer(t *testing.T) {
	t.Parallel()
	obeyed(t, namesSaySomething)
}

func namesSaySomething(files []goFile) (faults []string) {
	seen := map[string]bool{}
	complain := func(what, name string) {
		if fault := fmt.Sprintf("%s is called %q, which is a drawer, not a noun or a verb", what, name); !seen[fault] {
			seen[fault] = true
			faults = append(faults, fault)
		}
	}
	for _, f := range files {
		if name := strings.TrimSuffix(f.syntax.Name.Name, "_test"); drawers.MatchString(name) {
			complain("the package in "+f.dir(), name)
		}
		for folder := range strings.SplitSeq(f.dir(), "/") {
			if drawers.MatchString(folder) {
				complain("a folder of "+f.dir(), folder)
			}
		}
		if name := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test"); drawers.MatchString(name) {
			complain(f.path, name)
		}
	}
	return faults
}

func TestNothingIsNamedLikeADrawerCanFail(t *testing.T) {
	t.Parallel()
	noticed(t, namesSaySomething, 0, "internal/cli/manage/manage.go", "package manage")
	noticed(t, namesSaySomething, 1, "internal/base/text/text.go", "package utils")
	noticed(t, namesSaySomething, 1, "internal/core/seal/seal.go", "package seal")
	noticed(t, namesSaySomething, 1, "internal/base/seal/helpers_test.go", "package seal")
	noticed(t, namesSaySomething, 3, "internal/models/models.go", "package models")
}
