#!/bin/bash
# Runs the kernels of instruction sets that this machine may not have, in an emulated PC with Linux:
#     scripts/check_isa_emulated.sh [FOLDER [MODEL…]]      # default: /tmp/dolmetsch-emulated and all models below
# For each model of processor: the kernels' tests, what is chosen there, and translations that must be those of this machine's portable
# kernel, byte for byte. That shows that they compute right, never how fast they are. Takes 1 GB and, with the build of Bochs, half an hour of
# two cores; what is there already is not made again. Needs Debian or a descendant (apt, without root), g++, make and patch.
# Bochs computes AMX wrong in some places, and lacks what Linux needs for it: isa_emulated/bochs-3.0-amx.patch.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=${1:-/tmp/dolmetsch-emulated}
mkdir -p "$work"
work=$(realpath "$work")
shift || true
models=("$@")
[ ${#models[@]} -gt 0 ] || models=(sapphire_rapids arrow_lake corei7_haswell_4770 corei7_ivy_bridge_3770k)
# What is chosen on a model, then the others that it has, without the slow portable one.
instruction_sets() {
    case $1 in
        sapphire_rapids) echo amx vnni avxvnni avx2 ;;
        arrow_lake) echo avxvnni avx2 ;;
        corei7_haswell_4770) echo avx2 ;;
        corei7_ivy_bridge_3770k) echo portable ;;
        *) fail "it is not said here what $1 has" ;;
    esac
}
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
for program in apt-get dpkg-deb g++ make patch cargo; do
    command -v $program > /dev/null || fail "$program is needed"
done

# Packages of one release of Debian, whatever runs here: nothing is installed.
debian() {
    local command=$1
    shift
    "$command" -o Dir::Etc::sourcelist="$work/apt/debian.sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/apt/lists" \
        -o Dir::Cache="$work/apt/cache" -o Debug::NoLocking=true -o APT::Sandbox::User= "$@"
}
packages() {
    mkdir -p apt/lists/partial apt/cache/archives/partial debs
    cat > apt/debian.sources <<EOF
Types: deb deb-src
URIs: http://deb.debian.org/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
    debian apt-get -q update
    local kernel
    kernel=$(debian apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    cd debs
    debian apt-get -q download "$kernel" bochsbios vgabios busybox-static isolinux syslinux-common
    # A mirror that has the sources but not their description is good enough: the sum below is what counts.
    debian apt-get -q source --download-only bochs=3.0+dfsg-1 || true
    echo "78f6c73d4a6472d5130a87ab9dc306d02c7c71ed8e25b3a8ef642e2a7acd282b  bochs_3.0+dfsg.orig.tar.xz" | sha256sum --check --quiet
    # Of the release that runs here, so that it finds its libraries.
    command -v genisoimage > /dev/null || apt-get -q download genisoimage
    local package
    for package in *.deb; do dpkg-deb -x "$package" "$work/debian"; done
    cd ..
    touch debian/complete
}
bochs() {
    rm -rf bochs-3.0 && tar -xf debs/bochs_3.0+dfsg.orig.tar.xz
    cd bochs-3.0
    patch -s -p1 < "$root/scripts/isa_emulated/bochs-3.0-amx.patch"
    ./configure --with-nogui --disable-docbook --disable-plugins --disable-xpm --enable-x86-64 --enable-all-optimizations --enable-memtype \
        --enable-avx --enable-evex --enable-amx --enable-protection-keys --enable-cet --enable-uintr CFLAGS=-O2 CXXFLAGS=-O2 > configure.log
    make -j "$(nproc)" > make.log 2>&1 || fail "Bochs was not built, see $PWD/make.log"
    cd ..
}

# The guest: what is tested, the libraries that it needs, and an /init.
guest() {
    rm -rf guest iso
    mkdir -p guest/{bin,proc,dev,tmp,root} iso
    cp debian/bin/busybox guest/bin/ 2> /dev/null || cp debian/usr/bin/busybox guest/bin/
    local executables
    executables=$(cd "$root" && cargo test --no-run --message-format=json --lib --bin dolmetsch --test fast | grep '"executable":"')
    executable() { sed -n "$1s/.*\"executable\":\"\\([^\"]*\\)\".*/\\1/p" <<< "$executables" | head -n 1; }
    strip -o guest/root/program "$(executable '/"kind":\["bin"\].*"test":false/')"
    strip -o guest/root/kernels "$(executable '/"kind":\["lib"\]/')"
    strip -o guest/root/engine "$(executable '/"kind":\["test"\]/')"
    local library
    for library in $(ldd guest/root/{program,kernels,engine} | grep -o '/[^ ]*\.so[^ ]*' | sort -u); do
        install -D "$library" "guest$library"
    done
    mkdir -p "guest$root/tests/fixtures" && cp -r "$root/tests/fixtures/parity" "guest$root/tests/fixtures/"
    printf '%s\n' 'Der Zug fährt um acht Uhr ab.' 'Das alte Haus am Fluss wurde gestern für 250.000 Euro verkauft.' > guest/root/text
    cat > guest/init <<'EOF'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
exec > /dev/ttyS0 2>&1
export PATH=/bin HOME=/tmp DOLMETSCH_CONFIG= PROPTEST_CASES=16
busybox --install /bin
cd /root
echo "processor: $(grep -m1 'model name' /proc/cpuinfo)"
./program bench --sentences 2 --source-tokens 8 --target-tokens 3 --format json
for isa in "" $(sed 's/.*isas=\([a-z0-9,]*\).*/\1/; s/,/ /g' /proc/cmdline); do
    DOLMETSCH_ISA=$isa ./program translate --model builtin --to en --quiet --lines --format jsonl < text > out
    echo "translation ${isa:-auto}: exit code $?, $(sha256sum < out)"
done
./kernels fast:: --test-threads 1
echo "kernels: exit code $?"
./engine --exact every_instruction_set_gives_the_same_bits
echo "engine: exit code $?"
echo "the end"
sleep 2 # until all of it has left the serial port
poweroff -f
EOF
    chmod +x guest/init
    (cd guest && find . | bin/busybox cpio -o -H newc > ../iso/initrd 2> /dev/null)
    cp debian/boot/vmlinuz-* iso/linux
    cp debian/usr/lib/ISOLINUX/isolinux.bin debian/usr/lib/syslinux/modules/bios/ldlinux.c32 iso/
}
emulate() { # MODEL
    local make_image=genisoimage isas
    command -v genisoimage > /dev/null || make_image=debian/usr/bin/genisoimage
    isas=$(instruction_sets "$1" | cut -s -d ' ' -f 2- | tr ' ' ,)
    # Bochs has no five levels of pages in system management mode.
    cat > iso/isolinux.cfg <<EOF
default linux
label linux
kernel /linux
initrd /initrd
append console=ttyS0 quiet nokaslr mitigations=off panic=-1 random.trust_cpu=on tsc=reliable no5lvl isas=$isas
EOF
    $make_image -quiet -o "$1.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table -J -R iso
    cat > "$1.bochsrc" <<EOF
display_library: nogui
megs: 1024
romimage: file=debian/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=debian/usr/share/vgabios/vgabios.bin
cpu: model=$1, ips=100000000, ignore_bad_msrs=1
clock: sync=none
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$1.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$1.txt
log: $1.log
panic: action=fatal
error: action=ignore
info: action=ignore
speaker: enabled=0
EOF
    rm -f "$1.txt"
    # Bochs waits for ever where Linux has given up, and where its signal handler writes to the log while others do: so there is none of those.
    timeout 3600 bochs-3.0/bochs -q -f "$1.bochsrc" > "$1.out" 2>&1 < /dev/null || true
    rm "$1.iso"
}

cd "$work"
[ -e debian/complete ] || packages
[ -x bochs-3.0/bochs ] || bochs
guest
expected=$(DOLMETSCH_CONFIG='' DOLMETSCH_ISA=portable guest/root/program translate --model builtin --to en --quiet --lines --format jsonl \
    < guest/root/text | sha256sum)
for model in "${models[@]}"; do
    read -r chosen others <<< "$(instruction_sets "$model")"
    echo "$model: emulated, which takes minutes"
    emulate "$model"
    said() { tr -d '\r' < "$model.txt" | grep -q -- "$1" || fail "$model: no \`$1\` in $work/$model.txt"; }
    said "\"isa\":\"$chosen\""
    for isa in auto $others; do said "translation $isa: exit code 0, $expected"; done
    said 'kernels: exit code 0'
    said 'engine: exit code 0'
    said 'the end'
    echo "$model: chooses $chosen; the tests pass, and the translations${others:+, also with $others,} are those made here"
done
