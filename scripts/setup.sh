#!/bin/sh
# Puts everything into .venv: `setup.sh run` what an installation needs, `setup.sh dev` also what tests and checks need.
# Installs only what the lock files name, checked by hash. Safe to repeat; does nothing when .venv is already right.
set -u
cd "$(dirname "$0")/.." || exit 1
kind="${1:-run}"
case "$kind" in
run) lock=requirements.lock ;;
dev) lock=requirements-dev.lock ;;
*) echo "usage: setup.sh run|dev" >&2; exit 2 ;;
esac

say() { printf '%s\n' "$*" >&2; }
fail() { say ""; say "Setup stopped: $1"; shift; for line in "$@"; do say "  $line"; done; exit 1; }

[ -L .venv ] && [ -x .venv/bin/python ] && exit 0   # a linked environment is looked after by whoever made the link

here="$(pwd -P)"
sum="$(cksum < "$lock") $here"
for stamp in ".venv/.installed-$kind" .venv/.installed-dev; do
    wanted="$sum"
    [ "$stamp" = ".venv/.installed-dev" ] && wanted="$(cksum < requirements-dev.lock) $here"
    if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
done

find_python() {
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

usable() { .venv/bin/python -m pip --version >/dev/null 2>&1; }

make_environment() {
    rm -rf .venv
    "$python" -m venv .venv >/dev/null 2>&1 && usable && return 0
    # Debian and Ubuntu split a part of venv off into the package python3-venv. These ways do without it.
    rm -rf .venv
    "$python" -m virtualenv .venv >/dev/null 2>&1 && usable && return 0
    rm -rf .venv
    if command -v uv >/dev/null 2>&1; then uv venv --seed --python "$python" .venv >/dev/null 2>&1 && usable && return 0; fi
    rm -rf .venv
    "$python" -m venv --without-pip .venv >/dev/null 2>&1 || return 1
    "$python" -m pip --python .venv/bin/python install --quiet pip >/dev/null 2>&1 && usable && return 0
    rm -rf .venv
    return 1
}

python="$(find_python)" || fail "no Python 3.11 or newer was found." \
    "Install it (Debian, Ubuntu: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3.11"

if ! { [ -x .venv/bin/python ] && usable && .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; }; then
    say "Making .venv with $python …"
    make_environment || fail "this Python cannot make a virtual environment." \
        "Debian, Ubuntu: apt install python3-venv" \
        "Without root: install uv or virtualenv for your user, or name another Python: make PYTHON=/path/to/python3.11"
fi

say "Installing from $lock …"
export PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
if ! .venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r "$lock"; then
    fail "packages could not be installed (the lines above say which)." \
        "No network? Fill a folder where there is one:  pip download --require-hashes -d wheels -r $lock" \
        "and install here with:  PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels make setup" \
        "Disk full? About 600 MB are needed (df -h .). A hash that differs means a damaged download: try again."
fi

# Our own source is found through a path file, and the command is a small script: neither needs a build or an index.
packages="$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')" || fail "the environment is damaged." "rm -rf .venv"
printf '%s\n' "$here/src" > "$packages/banyan.pth"
cat > .venv/bin/banyan <<'LAUNCHER'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python" -m banyan.config.cli "$@"
LAUNCHER
chmod 755 .venv/bin/banyan
.venv/bin/python -c 'import banyan' || fail "the installed environment cannot import banyan." "rm -rf .venv and try again."
printf '%s\n' "$sum" > ".venv/.installed-$kind"
say "Ready: .venv/bin/banyan"
