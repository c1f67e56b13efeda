# Everything installs what it is missing: Debian packages through apt (with sudo when not root), the rest through npm.

CLI := dist/linuxkit.cjs
SOURCES := $(shell find src -name '*.ts' -not -name '*.test.ts') scripts/bundle.mjs package.json

# Versions come from package-lock.json; "npm ci" would also want the programs of other platforms, which not every registry has.
# What npm has in its own cache is enough, when it has all: without a network npm would wait for minutes.
NPM_INSTALL := npm install --no-save --no-fund --no-audit --loglevel=error

.PHONY: boot test check format build clean

## boot: build examples/linuxkit.yml and boot it in QEMU, with a console to log in to
boot: $(CLI)
	@scripts/install-tools boot
	@scripts/boot

## test: run every check and every test; ends with "N passed, N failed"
test: $(CLI)
	@scripts/install-tools boot test
	@node scripts/test.mjs

## check: the quick part of "test": types, lint, format, boundaries between the rooms
check: node_modules/.package-lock.json
	@node scripts/test.mjs --checks

## format: lay out the sources as "check" wants them
format: node_modules/.package-lock.json
	@npx oxfmt src test scripts
	@gofmt -w guest

## build: the command line, as one file
build: $(CLI)

$(CLI): node_modules/.package-lock.json $(SOURCES)
	@node scripts/bundle.mjs

node_modules/.package-lock.json: package.json package-lock.json
	@$(NPM_INSTALL) --offline 2> /dev/null || $(NPM_INSTALL)
	@touch $@

clean:
	rm -rf dist build node_modules
