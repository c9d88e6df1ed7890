#!/bin/sh
# First program of the virtual machine: mounts the host's file system, gives it kernel file systems of its own, and runs
# the script in it.
alias mount='busybox mount'
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do busybox insmod "$module"; done
# Nobody changes it meanwhile as far as it matters here, so what was read once is not asked for again.
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro root /host
mount -t proc proc /host/proc
mount -t sysfs sysfs /host/sys
mount -t devtmpfs dev /host/dev
busybox mkdir -p /host/dev/pts /host/dev/shm
mount -t devpts -o ptmxmode=666 devpts /host/dev/pts
mount -t tmpfs shm /host/dev/shm
mount -t cgroup2 cgroup2 /host/sys/fs/cgroup
mount -t tmpfs run /host/run
mount -t ext4 -o prjquota /dev/vda /host/tmp
busybox chmod 1777 /host/tmp
busybox ip link set lo up
busybox cp /script /bin/busybox /host/run/
echo '/bin/sh /run/script; echo "MACHINE-STATUS $?"; /run/busybox poweroff -f' > /host/run/main
# Not chroot: a process in one may make no user namespace, see user_namespaces(7).
exec busybox switch_root /host /bin/sh /run/main
