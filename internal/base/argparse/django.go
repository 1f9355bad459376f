package argparse

// DjangoOptions declares the options that every command of Django 4.2 has, with
// Django's texts, and shows them behind the command's own. As in Django they come
// before the command's own are declared, which is the order in which an ambiguous
// abbreviation lists them. version is what --version prints; skipChecks is false
// for a command without --skip-checks, as `check` is.
func (p *Parser) DjangoOptions(version string, skipChecks bool) {
	first := len(p.arguments)
	p.Version("--version", version, "Show program's version number and exit.")
	p.IntChoice("-v --verbosity", []int64{0, 1, 2, 3}, 1,
		"Verbosity level; 0=minimal output, 1=normal output, 2=verbose output, 3=very verbose output")
	p.String("--settings", "", `The Python path to a settings module, e.g. "myproject.settings.main". `+
		"If this isn't provided, the DJANGO_SETTINGS_MODULE environment variable will be used.")
	p.String("--pythonpath", "", `A directory to add to the Python path, e.g. "/home/djangoprojects/myproject".`)
	p.Flag("--traceback", "Raise on CommandError exceptions.")
	p.Flag("--no-color", "Don't colorize the command output.")
	p.Flag("--force-color", "Force colorization of the command output.")
	if skipChecks {
		p.Flag("--skip-checks", "Skip system checks.")
	}
	for _, a := range p.arguments[first:] {
		a.trailing = true
	}
}
