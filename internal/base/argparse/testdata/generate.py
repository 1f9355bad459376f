#!/usr/bin/env python3.11
"""Writes the *.json beside this file by running Python's own argparse.

    python3.11 generate.py            the goldens
    python3.11 generate.py DIR COUNT  as many random command lines more, and every width, into DIR

Each file is one parser, as Django 4.2 has it or as the commands it stands for
have it: usage and help for several program names and widths, and what became of
many command lines. The same parsers are declared in parsers_test.go.
"""

import argparse
import contextlib
import io
import json
import os
import random
import sys

if sys.version_info[:2] != (3, 11):
    sys.exit("generate.py: the goldens are Python 3.11's, this is " + sys.version.split()[0])

BASE = {"--version", "--verbosity", "--settings", "--pythonpath", "--traceback",
        "--no-color", "--force-color", "--skip-checks"}


class Formatter(argparse.HelpFormatter):
    """Django's order: what every command has comes last."""

    def _ordered(self, actions):
        return sorted(actions, key=lambda action: not BASE.isdisjoint(action.option_strings))

    def add_usage(self, usage, actions, *args, **kwargs):
        super().add_usage(usage, self._ordered(actions), *args, **kwargs)

    def add_arguments(self, actions):
        super().add_arguments(self._ordered(actions))


def django(prog, description, skip_checks=True):
    p = argparse.ArgumentParser(prog=prog, description=description, formatter_class=Formatter)
    add = p.add_argument
    add("--version", action="version", version="4.2.28", help="Show program's version number and exit.")
    add("-v", "--verbosity", default=1, type=int, choices=[0, 1, 2, 3],
        help="Verbosity level; 0=minimal output, 1=normal output, 2=verbose output, 3=very verbose output")
    add("--settings", help='The Python path to a settings module, e.g. "myproject.settings.main". If this isn\'t '
        "provided, the DJANGO_SETTINGS_MODULE environment variable will be used.")
    add("--pythonpath", help='A directory to add to the Python path, e.g. "/home/djangoprojects/myproject".')
    add("--traceback", action="store_true", help="Raise on CommandError exceptions.")
    add("--no-color", action="store_true", help="Don't colorize the command output.")
    add("--force-color", action="store_true", help="Force colorization of the command output.")
    if skip_checks:
        add("--skip-checks", action="store_true", help="Skip system checks.")
    return p


def migrate(prog):
    p = django(prog, "Updates database schema. Manages both apps with migrations and those without.")
    add = p.add_argument
    add("app_label", nargs="?", help="App label of an application to synchronize the state.")
    add("migration_name", nargs="?", help="Database state will be brought to the state after that migration. "
        'Use the name "zero" to unapply all migrations.')
    add("--noinput", "--no-input", action="store_false",
        help="Tells Django to NOT prompt the user for input of any kind.")
    add("--database", default="default", help='Nominates a database to synchronize. Defaults to the "default" database.')
    add("--fake", action="store_true", help="Mark migrations as run without actually running them.")
    add("--fake-initial", action="store_true", help="Detect if tables already exist and fake-apply initial "
        "migrations if so. Make sure that the current database schema matches your initial migration before using "
        "this flag. Django will only check for an existing table name.")
    add("--plan", action="store_true", help="Shows a list of the migration actions that will be performed.")
    add("--run-syncdb", action="store_true", help="Creates tables for apps without migrations.")
    add("--check", action="store_true", help="Exits with a non-zero status if unapplied migrations exist and does "
        "not actually apply migrations.")
    add("--prune", action="store_true", help="Delete nonexistent migrations from the django_migrations table.")
    return p


def showmigrations(prog):
    p = django(prog, "Shows all available migrations for the current project")
    p.add_argument("app_label", nargs="*", help="App labels of applications to limit the output to.")
    p.add_argument("--database", default="default",
                   help='Nominates a database to show migrations for. Defaults to the "default" database.')
    add = p.add_mutually_exclusive_group().add_argument
    add("--list", "-l", action="store_true", help="Shows a list of all migrations and which are applied. With a "
        "verbosity level of 2 or above, the applied datetimes will be included.")
    add("--plan", "-p", action="store_true", help="Shows all migrations in the order they will be applied. With a "
        "verbosity level of 2 or above all direct migration dependencies and reverse dependencies (run_before) will "
        "be included.")
    return p


def sqlmigrate(prog):
    p = django(prog, "Prints the SQL statements for the named migration.")
    p.add_argument("app_label", help="App label of the application containing the migration.")
    p.add_argument("migration_name", help="Migration name to print the SQL for.")
    p.add_argument("--database", default="default",
                   help='Nominates a database to create SQL for. Defaults to the "default" database.')
    p.add_argument("--backwards", action="store_true",
                   help="Creates SQL to unapply the migration, rather than to apply it")
    return p


def check(prog):
    p = django(prog, "Checks the entire Django project for potential problems.", skip_checks=False)
    add = p.add_argument
    add("args", metavar="app_label", nargs="*")
    add("--tag", "-t", action="append", metavar="TAGS", help="Run only checks labeled with given tag.")
    add("--list-tags", action="store_true", help="List available tags.")
    add("--deploy", action="store_true", help="Check deployment settings.")
    add("--fail-level", default="ERROR", choices=["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"],
        help="Message level that will cause the command to exit with a non-zero status. Default is ERROR.")
    add("--database", action="append", metavar="DATABASES",
        help="Run database related checks against these aliases.")
    return p


def makemigrations(prog):
    p = django(prog, "Creates new migration(s) for apps.")
    add = p.add_argument
    add("args", metavar="app_label", nargs="*", help="Specify the app label(s) to create migrations for.")
    add("--dry-run", action="store_true",
        help="Just show what migrations would be made; don't actually write them.")
    add("--merge", action="store_true", help="Enable fixing of migration conflicts.")
    add("--empty", action="store_true", help="Create an empty migration.")
    add("--noinput", "--no-input", action="store_false",
        help="Tells Django to NOT prompt the user for input of any kind.")
    add("-n", "--name", help="Use this name for migration file(s).")
    add("--no-header", action="store_false", help="Do not add header comments to new migration file(s).")
    add("--check", action="store_true", help="Exit with a non-zero status if model changes are missing migrations "
        "and don't actually write them.")
    add("--scriptable", action="store_true", help="Divert log output and input prompts to stderr, writing only "
        "paths of generated migration files to stdout.")
    add("--update", action="store_true", help="Merge model changes into the latest migration and optimize the "
        "resulting operations.")
    return p


def migrate_tenant_data(prog):
    p = django(prog, "Migrar datos de tenants")
    p.add_argument("--tenant-id", type=int, help="ID del tenant específico a migrar")
    p.add_argument("--generate-tokens", action="store_true", help="Generar tokens para tenants sin tokens")
    p.add_argument("--create-profiles", action="store_true", help="Crear perfiles para usuarios sin perfil")
    return p


def manage_tenant_tokens(prog):
    p = django(prog, "Gestionar tokens de tenants")
    p.add_argument("--rotate", action="store_true", help="Rotar tokens existentes")
    p.add_argument("--tenant-id", type=int, help="ID del tenant específico")
    p.add_argument("--token-type", choices=["ai", "cwu", "both"], default="both", help="Tipo de token a gestionar")
    return p


def rotate_tenant_tokens(prog):
    p = django(prog, "Rotar tokens existentes")
    p.add_argument("--tenant-id", type=int)
    return p


def generate_tenant_tokens(prog):
    return django(prog, "Generar tokens para tenants")


def sundry(prog):
    """What no command has, to see the layout from every side."""
    p = argparse.ArgumentParser(prog=prog, description="  A well-known\ttext -- with--dashes,\n\nhy-phens, co-ö-pe-ra-tion, "
                                "x-y and-1 a-b-cd, ¡áéíóú-ñandúes!  antidisestablishmentarianism--perhaps---or-not \u00a0"
                                "http://example.org/a-very-long-address/that-fits-on-no-line/whatsoever/1234567890 2-3-x ²a-bc ")
    add = p.add_argument
    add("source-file", help="naïve-text " * 12)
    add("-q", action="store_true")
    add("--quite-a-long-option-name", metavar="VALUE", help="-- begins with a dash and ends with one --")
    group = p.add_mutually_exclusive_group()
    group.add_argument("-x", action="store_true", help="x")
    group.add_argument("--yes", "-y", action="store_true")
    group.add_argument("--año", action="store_true", help="the-year " + "9" * 90 + "-" + "8" * 70)
    add("-ñ", "--eñe", help="una letra")
    add("-1", "--one", metavar="N", help="makes nothing negative")
    add("--kind", choices=["it's", 'say "hi"', "a\\b", "ñ"], default="ñ", help="quoting")
    add("rest", nargs="*", metavar="and-so-on", help="1 2 3")
    return p


# Every parser meets these.
COMMON = [
    [], ["-h"], ["--help"], ["--he"], ["--version"], ["--vers"], ["--ver"], ["--verb"],
    ["-v2"], ["-v", "2"], ["-v=2"], ["--verbosity", "3"], ["--verbosity=0"], ["--verb=1"], ["--verb", "7"], ["-v7"],
    ["-v", "x"], ["-v", ""], ["-v"], ["-v", "-1"], ["-v", "--", "2"], ["--verbosity="], ["-v", " 2 "], ["-v", "0_3"],
    ["-v", "\u0662"], ["-v", "99999999999999999999"], ["-v", "007"], ["-v", "-0"], ["-v2", "-v", "3"], ["-v 2"],
    ["--no"], ["--no-c"], ["--no-color=1"], ["--n"], ["--f"], ["--s"], ["--se", "x"], ["--set=x"], ["--settings"],
    ["--settings", "--traceback"], ["--settings", "-x"], ["--settings", "-5"], ["--settings", ""], ["--settings="],
    ["--settings=a=b"], ["--settings", "a b"], ["--settings", "-a b"], ["--pythonpath", "/x", "--pythonpath=/y"],
    ["--trace"], ["--traceback=yes"], ["--traceback=it's"], ["--traceback="], ["--traceback", "--traceback"],
    ["--bogus"], ["--bogus", "x"], ["--bogus=x y"], ["--bogus x"], ["-z"], ["-"], ["--", "-"], ["--"], ["--", "--help"],
    ["-h", "--bogus"], ["--bogus", "-h"], ["-h", "--no"], ["-hv"], ["-hz"], ["-hh"], ["-h="], ["-v2h"], ["---"], ["--=x"],
    ["-5"], ["-5.5"], ["-.5"], ["-5."], ["-\u0663"], ["-5\n"], ["", ""], ["a b"], ["ñandú"], ["one", "two", "three", "four"],
    ["--no-color", "one", "--traceback", "two"], ["one", "--traceback", "two"], ["one", "--", "--two"], ["--", "one", "two", "x"],
    ["\udcff\udcfe"], ["--\udce9=\udcff"], ["-v", "\udcff"], ["-h\udcff"], ["--settings", "\udc80"], ["\x1b[31m"],
]

INTS = ["1", "0", "-1", "+5", "1_000", " 42 ", "\t7\n", "\u00a08\u2003", "007", "-0", "abc", "", " ", "1.0", "1e3", "0x1F", "1__0",
        "_1", "1_", "+-1", "- 1", "\u0664\u0662", "\u0967_\uff12", "\U0001d7d9", "²", "½", "it's", 'say "hi"', "it's \"both\"", "back\\slash", "tab\there",
        "line\nfeed", "\r", "\x00", "\x07", "\x7f", "\x85", "\u00ad", "\u2028", "\u00a0x", "ñandú", "日本", "🙂", "\U000e0001", "\ue000",
        "9223372036854775807", "-9223372036854775808", "\udcc3(", "-abc", "-5x", "a-b", "\x1c5", "\u3000", "\u200b1"]


def ints(option):
    lines = [[f"{option}={text}"] for text in INTS]
    lines += [[option, text] for text in ("-1", "-1.5", "-x", "--", "", "7")]
    return lines + [[option], [option, "--traceback"], [option, "1", option, "2"], ["x", option, "1"], [option, "1", "x"]]


TAILS = [["--tenant", "5"], ["--tenant=abc"], ["--t", "5"], ["--tr"], ["--tenant-id=abc", "-h"], ["-h", "--tenant-id=abc"],
         ["--tenant_id", "3"], ["--tenant-id-x", "3"]]

SPECIFIC = {
    migrate: [
        ["tenants"], ["tenants", "0002"], ["tenants", "zero", "--plan"], ["tenants", "--plan", "0002"],
        ["--plan", "tenants", "0002"], ["tenants", "0004", "--verbosity", "2"], ["--fake", "tenants", "0003"],
        ["tenants", "0003", "--fake"], ["--fak"], ["--fake-i"], ["--fake=1"], ["--noinput"], ["--no-input"], ["--noi"],
        ["--no-i"], ["--check", "--plan"], ["--ch"], ["--p"], ["--pl"], ["--pr"], ["--run"], ["--database=other"],
        ["--database", "other", "tenants"], ["--database"], ["--d=x"], ["--noop"], ["--prune", "tenants"],
        ["tenants", "--"], ["--", "tenants", "0001"], ["tenants", "--", "0001"], ["", "0001"],
    ],
    showmigrations: [
        ["tenants"], ["tenants", "auth"], ["--list"], ["-l"], ["-p"], ["--plan"], ["-lp"], ["-pl"], ["--list", "--plan"],
        ["-p", "-l"], ["-ll"], ["-lv2"], ["-lv"], ["-lz"], ["-l2"], ["-l=1"], ["-p=", "x"], ["--plan=x"], ["-lh"], ["--l"], ["--p"], ["--pl"],
        ["tenants", "--plan", "auth"], ["--plan", "tenants", "auth"], ["-v2", "tenants"], ["--", "-l", "--"], ["a", "--", "b", "--", "c"],
        ["a", "-l", "--", "b"], ["--database", "x", "y"],
    ],
    sqlmigrate: [
        ["tenants", "0001"], ["tenants"], ["tenants", "0001", "--backwards"], ["--backwards", "tenants", "0001"],
        ["tenants", "--backwards", "0001"], ["--back", "tenants", "0001"], ["tenants", "0001", "0002"], ["--backwards"],
        ["--", "tenants", "0001"], ["tenants", "--", "0001"], ["tenants", "0001", "--"], ["--database=x", "tenants", "-1"],
        ["tenants", "0001", "--bogus"], ["tenants", "--bogus"],
    ],
    check: [
        ["tenants"], ["tenants", "auth"], ["--tag", "models"], ["-t", "models", "-tsecurity", "--tag=urls"], ["-t"], ["--t", "x"],
        ["--ta", "x"], ["--list-tags"], ["--li"], ["--deploy"], ["--d"], ["--fail-level", "WARNING"], ["--fail-level=warning"],
        ["--fail-level"], ["--fa=INFO"], ["--database", "default"], ["--database", "a", "--database", "b"], ["--skip-checks"],
        ["--deploy", "tenants"], ["tenants", "--deploy", "auth"], ["-t", "x", "tenants"], ["--tag="],
    ],
    makemigrations: [
        ["tenants"], ["--check", "--dry-run"], ["-n", "x"], ["-nx"], ["-n=x"], ["-noinput"], ["-n"], ["--name=x", "tenants"],
        ["--na", "x"], ["--no-h"], ["--noin"], ["--dry"], ["--merge", "--empty", "a", "b"], ["--update"], ["--sc"], ["--sk"],
        ["-n", "-x"], ["-n-x"], ["-n", ""], ["--name="],
    ],
    migrate_tenant_data: ints("--tenant-id") + TAILS + [
        ["--generate-tokens", "--create-profiles"], ["--g", "--c"], ["--gen", "--tenant-id", "1", "--create"],
        ["--generate-tokens=1"], ["--tenant-id", "999"], ["--tenant-id=0"],
    ],
    manage_tenant_tokens: ints("--tenant-id")[-11:] + TAILS + [
        ["--rotate", "--token-type=xyz"], ["--rotate", "--token-type=ai"], ["--rotate", "--tenant-id=1", "--token-type", "cwu"],
        ["--bogus"], ["--token-type"], ["--token-type="], ["--token-type", "AI"], ["--token-type=it's"], ["--token-type=\u00e9"],
        ["--token", "both"], ["--to=cwu"], ["--rot"], ["--r", "--r"], ["--tenant-id", "1", "--rotate", "extra"],
        ["--rotate", "--", "--tenant-id", "1"],
    ],
    rotate_tenant_tokens: ints("--tenant-id")[-11:] + TAILS,
    generate_tenant_tokens: [],
    sundry: [
        ["a"], ["a", "b", "c"], ["-q", "a"], ["-qx", "a"], ["-xq", "a"], ["-xy"], ["-qxy"], ["-x", "--yes"], ["--yes", "-x"], ["-y", "--año"],
        ["-qñ", "v"], ["-qñv", "a"], ["-ñv", "a"], ["-ñ", "a"], ["--eñ=x", "a"], ["-1", "a"], ["-15", "a"], ["-5", "a"], ["a", "-5"], ["a", "-15"], ["--one=-5", "a"],
        ["--kind=it's", "a"], ["--kind=say \"hi\"", "a"], ["--kind=no", "a"], ["--kind=ñ", "a"], ["--kind=a\\b", "a"], ["--kind=a\\\\b"],
        ["--q", "v", "a"], ["--quite-a", "a"], ["--a", "a"], ["--añ", "a"], ["-qz"], ["-q1"], ["-q1x", "a"], ["-q-"], ["-q=1"], ["-x-y"],
    ],
}

WORDS = ["tenants", "0001", "x y", "", "-", "--", "-1", "-1.5", "--bogus", "--bogus=1", "-z", "-h", "--version", "1", "2", "ai", "both", "'", "ñ"]


def randomly(rng, p):
    """One command line, mostly out of what the parser knows."""
    words = []
    for _ in range(rng.randrange(1, 7)):
        name = rng.choice(list(p._option_string_actions))
        kind = rng.randrange(6)
        if kind == 0:
            words.append(name)
        elif kind == 1:
            words += [name, rng.choice(WORDS)]
        elif kind == 2:
            words.append(name + "=" + rng.choice(WORDS))
        elif kind == 3:
            words.append(name[:rng.randrange(2, len(name) + 1)] + rng.choice(["", "", "=", "1", "lp", "=x"]))
        else:
            words.append(rng.choice(WORDS))
    return words


def loses_dashes(args):
    """Python 3.11 turns a second "--" that is a value by itself into no value; we do not."""
    return any(a.endswith("=--") or a == "-v--" for a in args) or args.count("--") > 1 and args != ["a", "--", "b", "--", "c"]


def kind_of(action):
    if action.nargs == 0:
        return "flag"
    if action.nargs == "*" or isinstance(action, argparse._AppendAction):
        return "strings"
    return "int" if action.type is int else "string"


def name_of(action):
    return action.option_strings[0] if action.option_strings else action.dest


def values_of(p, namespace):
    values = {}
    for action in p._actions:
        if action.default is argparse.SUPPRESS:  # help and version
            continue
        value = getattr(namespace, action.dest)
        if isinstance(action, argparse._StoreFalseAction):
            value = not value
        if kind_of(action) == "strings":
            value = value or []
        values[name_of(action)] = value
    return values


def run(p, args):
    out = io.StringIO()
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", newline="")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            values, code = values_of(p, p.parse_args(args)), None
        except SystemExit as end:
            values, code = None, end.code
    err.flush()
    return values, code, out.getvalue(), err.buffer.getvalue().decode()


def hexed(value):
    """JSON has no room for bytes that are not UTF-8."""
    if isinstance(value, list):
        return [hexed(v) for v in value]
    return os.fsencode(value).hex() if isinstance(value, str) else value


def case(p, args, defaults, usage, help):
    values, code, out, err = run(p, list(args))
    c = {"args": args}
    if any("\udc80" <= ch <= "\udcff" for a in args for ch in a):
        c["args"] = hexed(args)
        c["hex"] = True
    if values is not None:
        assert not out and not err
        c["values"] = {k: v for k, v in values.items() if v != defaults[k]}
        if c.get("hex"):
            c["values"] = {k: hexed(v) for k, v in c["values"].items()}
    elif code == 0:
        assert not err
        c["stdout"] = "help" if out == help else out
    else:
        assert code == 2 and not out and err.startswith(usage)
        c["error"] = err[len(usage):]  # what follows the usage
    return c


def layouts(make, progs, widths):
    for prog in progs:
        for width in widths:
            os.environ["COLUMNS"] = str(width)
            p = make(prog)
            yield {"prog": prog, "columns": width, "usage": p.format_usage(), "help": p.format_help()}
    os.environ["COLUMNS"] = "80"


def golden(make, extra=0, every_width=False):
    os.environ["COLUMNS"] = "80"
    name = make.__name__
    prog = "manage.py " + name
    p = make(prog)
    usage, help = p.format_usage(), p.format_help()
    needed = ["x" for action in p._get_positional_actions() if action.required and action.nargs is None]
    defaults = values_of(p, p.parse_args(needed))
    for action in p._get_positional_actions():
        defaults[name_of(action)] = [] if kind_of(action) == "strings" else None
    lines = COMMON + SPECIFIC[make]
    rng = random.Random(name)
    lines = lines + [line for line in (randomly(rng, p) for _ in range(40 + extra)) if not loses_dashes(line)]
    widths = range(1, 300) if every_width else [80, 1, 24, 40, 60, 100, 132, 250]
    progs = [prog] + (["tenantry manage " + name, "x", "a " + "long " * 20 + name] if every_width else [])
    all = list(layouts(make, progs, widths))
    if not every_width:
        all += layouts(make, ["tenantry manage " + name], [80])
        if make is sundry:
            all += layouts(make, ["x", "xyz", "a-program-with-a-long-name"], [*range(8, 40, 3), 79, 80, 81, 300])
            all += layouts(make, ["p" * 180], [80, 251, 252, 253])  # a name of 0.75 of the width, and one line for the rest
    return {
        "prog": prog,
        "arguments": {name_of(a): kind_of(a) for a in p._actions if a.default is not argparse.SUPPRESS},
        "defaults": defaults,
        "layouts": all,
        "cases": [case(p, line, defaults, usage, help) for line in lines],
    }


def write(path, g):
    """One layout and one case a line, so that a change is easy to read."""
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write("{\n")
        for key in ("prog", "arguments", "defaults"):
            f.write(f"{json.dumps(key)}: {json.dumps(g[key], ensure_ascii=False)},\n")
        for key, end in (("layouts", ",\n"), ("cases", "\n")):
            rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in g[key])
            f.write(f"{json.dumps(key)}: [\n{rows}\n]{end}")
        f.write("}\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder, extra = (sys.argv[1], int(sys.argv[2])) if len(sys.argv) == 3 else (here, 0)
    for make in SPECIFIC:
        write(os.path.join(folder, make.__name__ + ".json"), golden(make, extra, every_width=extra > 0))


main()
