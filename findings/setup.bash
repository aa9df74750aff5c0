# What every entry sources first: a temp folder of its own that goes at exit, and the packages that it asks for.
# SKIPPED (77) is the exit status of an entry whose packages are not there.
set -euo pipefail
FINDINGS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cp "$FINDINGS"/with/* "$WORK"
cd "$WORK"

skip() {
  echo "skipped: $*"
  exit 77
}

# npm_packages NAME@VERSION …: installs exactly these, without their install scripts.
npm_packages() {
  echo '{ "private": true, "type": "module" }' >package.json
  npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "$@" >npm.log 2>&1 ||
    skip "needs $* from npm ($(tail -n 1 npm.log))"
}

# pypi_packages NAME==VERSION …: the same from PyPI as wheels, for Debian's Python, all that they need named.
pypi_packages() {
  /usr/bin/python3 -m pip install --quiet --no-deps --only-binary :all: --target pypi "$@" >pip.log 2>&1 ||
    skip "needs $* from PyPI ($(tail -n 1 pip.log))"
  export PYTHONPATH=$WORK/pypi
}

# debian_package NAME UPSTREAM-VERSION: the installed Debian package of that upstream version.
debian_package() {
  local found
  found=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) || skip "needs Debian's $1 $2"
  [[ ${found#*:} == "$2"* ]] || skip "needs $1 $2, found $found"
}

# driver NAME: makes lavapipe (Debian's mesa-vulkan-drivers) or SwiftShader (Debian's chromium) the one Vulkan driver.
driver() {
  case $1 in
    lavapipe) VK_DRIVER_FILES=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json 2>/dev/null | head -n 1) ;;
    swiftshader) VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json ;;
  esac
  [[ -f $VK_DRIVER_FILES ]] || skip "needs the Vulkan driver $1 (Debian: mesa-vulkan-drivers 25 or chromium)"
  export VK_DRIVER_FILES
}

# expect WHAT SEEN EXPECTED: prints what was seen; `exit $failed` at the end tells whether all were as expected.
failed=0
expect() {
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  expected $3" && failed=1; }
}
