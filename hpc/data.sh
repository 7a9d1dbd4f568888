#!/bin/sh
# Downloads all of CIFAR-10 in its official binary form, checks it and unpacks it into the user's
# cache, where data.path = "auto" finds it. An interrupted download goes on where it stopped.
#   GRIDFRONT_DATA_URL    another source (file:// works)
#   XDG_CACHE_HOME        another cache than ~/.cache
set -e
url=${GRIDFRONT_DATA_URL:-https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz}
size=${GRIDFRONT_DATA_SIZE:-170052171}
sha256=${GRIDFRONT_DATA_SHA256:-c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd}
md5=${GRIDFRONT_DATA_MD5:-c32a1d4ab5d03f1284b67883e8d87530}
cache=${XDG_CACHE_HOME:-$HOME/.cache}
folder=$cache/cifar-10-batches-bin
archive=$cache/cifar-10-binary.tar.gz

if [ -s "$folder/test_batch.bin" ] && [ -s "$folder/data_batch_5.bin" ]; then
    echo "CIFAR-10 is already in $folder"
    exit 0
fi
mkdir -p "$cache"

size_of() { if [ -e "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi; }

if [ "$(size_of "$archive")" -lt "$size" ]; then
    echo "Downloading $url"
    if command -v curl >/dev/null; then
        fetch() { curl --fail --location --retry 3 --continue-at - --output "$archive" "$url"; }
        # 33: this server cannot go on in the middle of a file
        fetch || { [ $? -eq 33 ] && rm -f "$archive" && fetch; }
    elif command -v wget >/dev/null; then
        wget --continue --tries 3 --output-document "$archive" "$url"
    else
        echo "data.sh: neither curl nor wget is installed" >&2
        exit 1
    fi
fi

refuse() { # refuse WHAT FOUND EXPECTED
    echo "data.sh: $archive: its $1 is $2, the official one is $3; it was removed, try again" >&2
    rm -f "$archive"
    exit 1
}
found=$(size_of "$archive")
[ "$found" = "$size" ] || refuse "size" "$found" "$size"
found=$(sha256sum "$archive" | cut -d ' ' -f 1)
[ "$found" = "$sha256" ] || refuse "SHA-256" "$found" "$sha256"
found=$(md5sum "$archive" | cut -d ' ' -f 1)
[ "$found" = "$md5" ] || refuse "MD5" "$found" "$md5"

# Unpacked beside its place and moved in whole, so that a half unpacked folder is never found.
work=$(mktemp -d "$cache/cifar-10.XXXXXX")
trap 'rm -rf "$work"' EXIT
tar -xzf "$archive" -C "$work"
rm -rf "$folder"
mv "$work/cifar-10-batches-bin" "$folder"
rm -f "$archive"
echo "CIFAR-10 is in $folder"
