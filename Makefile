# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes a fresh machine ready and calls meson, which has the build.

help:
	@echo 'make demo    a Linux guest does disk I/O through vfio-ccw'
	@echo 'make check   all tests but those of check-linux and check-libvirt'
	@echo 'make check-linux   tests on a vfio_ccw driver of Linux, in QEMU'
	@echo 'make check-libvirt   what the documentation says on libvirt'
	@echo 'make bench   what an I/O costs, on a machine that is quiet'
	@echo 'make qemu    build/qemu-system-s390x and build/vfio-ccw-host'
	@echo 'make check-sanitizers   unit tests and qtests, by ASan, UBSan, TSan'
	@echo 'make soak    simulation and fuzz tests for SOAK_SECONDS'
	@echo 'make mutation   does a test notice each wrong cell of the table?'
	@echo 'make fetch   fetch all files from Debian, and list them'
	@echo 'make clean   remove build/'
	@echo
	@echo 'QEMU_SRC=PATH: a directory or tarball of QEMU 10.2.2 to use'
	@echo 'instead of the one that is fetched from Debian.'
	@echo 'VFIO_CCW_CACHE=PATH: the folder of all that was fetched, by default'
	@echo '~/.cache/vfio-ccw; what is there is not fetched again.'

demo check check-linux check-libvirt check-sanitizers bench qemu soak mutation \
fetch:
	@sh scripts/steps.sh $@

clean:
	@rm -rf build

.PHONY: help demo check check-linux check-libvirt check-sanitizers bench qemu \
        soak mutation fetch clean
