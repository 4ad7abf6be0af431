# Sourced by the other scripts here: finds the Python that the project can use.

# Prints the first Python of at least 3.11 that can make a virtualenv; fails without one.
# PYTHON names the one to use. Then comes the system's own: it is built with profile-guided
# optimisation, which those of version managers mostly are not, and runs the server 10 to 15 %
# faster. Each is really run, because a version manager leaves names on the path that do not work.
find_python() {
    local candidate
    for candidate in "${PYTHON:-}" /usr/bin/python3 python3.13 python3.12 python3.11 python3; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}
