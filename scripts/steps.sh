#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The steps of the Makefile's targets, from a machine with nothing on it: says
# which step runs, ends with one line of verdict.
# Called by the Makefile from the top of the project, with the target's name.

set -u

target=$1
build=build
meson=/usr/bin/meson
started=$(date +%s)
number=0

case $target in
fetch) steps=2 ;;
qemu) steps=3 ;;
demo) steps=5 ;;
bench | soak | mutation | check-libvirt) steps=4 ;;
check | check-linux) steps=5 ;;
check-sanitizers) steps=7 ;;
*)
    echo "usage: $0 qemu|demo|check|check-linux|check-libvirt" \
        "|check-sanitizers|bench|soak|mutation|fetch" >&2
    exit 2
    ;;
esac

elapsed()
{
    seconds=$(($(date +%s) - started))
    printf '%d min %02d s' $((seconds / 60)) $((seconds % 60))
}

# step TITLE COMMAND...: ends everything if the command fails
step()
{
    title=$1
    shift
    number=$((number + 1))
    printf '\n[%d/%d, %s] %s\n' $number $steps "$(elapsed)" "$title"
    # What outlives its step must not keep the lock.
    "$@" 9>&- || fail "step $number ($title) failed"
}

fail()
{
    printf '\nFAIL: %s, after %s\n' "$1" "$(elapsed)"
    exit 1
}

configure()
{
    if [ ! -f $build/build.ninja ]; then
        mkdir -p $build
        $meson setup $build "$@" > $build/setup.log 2>&1 || {
            cat $build/setup.log
            return 1
        }
    fi
}

compile()
{
    $meson compile -C $build "$@"
}

# Failing tests are not the end: the summary counts them.
run_tests()
{
    rm -f $build/meson-logs/testlog.json
    $meson test -C $build --no-rebuild --print-errorlogs "$@" ||
        [ -s $build/meson-logs/testlog.json ]
}

# verdict BUILD...: of the tests that have been run there
verdict()
{
    bad=
    for built in "$@"; do
        printf '\n%s/\n' "$built"
        /usr/bin/python3 scripts/summary.py "$built/meson-logs/testlog.json" ||
            bad=1
    done
    [ -z "$bad" ] || fail "not all tests passed"
    printf 'PASS: all tests, after %s\n' "$(elapsed)"
}

# Two at a time would build, and test, the same files.
be_alone()
{
    mkdir -p $build
    exec 9> $build/lock
    flock -n 9 || {
        echo "waiting until the other make in this directory is done"
        flock 9
    }
}

# What a sanitizer reports makes its test fail.
check_with()
{
    build=build/$1
    step "setting up $build/" configure -Dsanitizers="$1"
    step "building the tests" compile unit-tests qtest-tests
    step "running the tests" run_tests unit qtest
}

be_alone
case $target in
check-linux)
    more_packages="gcc-s390x-linux-gnu libc6-dev-s390x-cross bc"
    ;;
check-libvirt)
    more_packages="libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients"
    ;;
*)
    more_packages=
    ;;
esac
# shellcheck disable=SC2086
step "making this machine ready" sh scripts/setup_machine.sh $more_packages
case $target in
check-sanitizers | fetch) ;;
*) step "setting up $build/" configure ;;
esac
case $target in
fetch)
    step "fetching what is not there yet" /usr/bin/python3 scripts/debian.py
    printf '\nPASS: all files are there, after %s\n' "$(elapsed)"
    ;;
qemu)
    step "building QEMU" compile
    printf '\nPASS: %s/qemu-system-s390x is built, after %s\n' \
        $build "$(elapsed)"
    ;;
demo)
    step "building QEMU" compile
    step "running a Linux guest" /usr/bin/python3 scripts/demo.py $build
    step "installing Linux on an ECKD disk, and booting from it" \
        /usr/bin/python3 scripts/guest_eckd.py $build boot
    ;;
bench)
    step "building QEMU and the benchmark" compile qemu bench-program
    step "measuring" /usr/bin/python3 scripts/bench.py $build
    ;;
soak | mutation)
    step "building the unit tests" compile unit-tests
    step "$target" compile $target
    printf '\nPASS: %s, after %s\n' $target "$(elapsed)"
    ;;
check-sanitizers)
    check_with address
    check_with thread
    verdict build/address build/thread
    ;;
check)
    step "building QEMU" compile
    step "building the tests" compile unit-tests qtest-tests kernel-tests \
        qemu-tests
    step "running the tests" run_tests --no-suite linux --no-suite libvirt
    verdict $build
    ;;
check-linux)
    step "building QEMU" compile
    step "building a Linux with vfio_ccw, and what runs on it" \
        compile linux-test conformance-program
    step "running the tests on it" run_tests --suite linux
    verdict $build
    ;;
check-libvirt)
    step "building QEMU" compile
    step "running the guest of the documentation" run_tests --suite libvirt
    verdict $build
    ;;
esac
