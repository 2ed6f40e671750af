#!/bin/bash
# The node: first process of the box's namespaces (box.py starts it). It makes the mounts and the network, keeps the
# daemons running and collects orphans. When it is killed the kernel ends every process of the box, and mounts and
# network go with their namespaces.
# Takes from the environment: STATE (a folder), NODE, ADDRESS, SERVICES (a range), DNS, IMAGES (memory or disk), PATH.
set -euo pipefail

# The box's own /run, with the state of the cluster at /run/lab: no socket of the machine can be reached from here.
mount --make-rprivate /
mkdir -p "$STATE"/{etc,var}/{upper,work} "$STATE"/{containerd,kubelet,log}
state=$(mktemp -d "$STATE/.mount-XXXX")
mount --bind "$STATE" "$state"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lab /run/lock /run/netns /run/daemons /run/cgroup
mount --move "$state" /run/lab
rmdir "/run/lab/$(basename "$state")"

# Changes to /etc and /var stay in the box: the daemons keep their usual paths and the machine keeps its files.
for folder in etc var; do
  mount -t overlay -o "lowerdir=/$folder,upperdir=/run/lab/$folder/upper,workdir=/run/lab/$folder/work" overlay "/$folder"
done
bind() { mkdir -p "$2"; mount --bind "$1" "$2"; }
# Images and the pods' files: not on the overlay, because overlayfs must not lie upon overlayfs.
if [ "$IMAGES" = memory ]; then
  mkdir -p /var/lib/containerd
  mount -t tmpfs -o mode=711 tmpfs /var/lib/containerd
else
  bind /run/lab/containerd /var/lib/containerd
fi
bind /run/lab/kubelet /var/lib/kubelet
bind /run/lab/log /var/log
bind /run/lab/kubernetes /etc/kubernetes
bind /run/lab/cni /etc/cni/net.d
rm -rf /var/lib/cni # addresses of pods that ended with an earlier box
rm -f /etc/resolv.conf
printf 'nameserver %s\nsearch svc.cluster.local cluster.local\n' "$DNS" >/etc/resolv.conf
printf '127.0.0.1 localhost\n%s %s\n' "$ADDRESS" "$NODE" >/etc/hosts

# A sysfs of this network, with the machine's cgroups put back on it.
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
umount --lazy /run/cgroup

# kubelet insists on these settings, which hold for the whole machine: let it see them without changing the machine.
pretend() {
  local shown=/run/pretend/${1//\//.}
  mkdir -p /run/pretend
  echo "$2" >"$shown"
  mount --bind "$shown" "/proc/sys/$1"
}
pretend vm/overcommit_memory 1
pretend vm/panic_on_oom 0
pretend kernel/panic 10
pretend kernel/panic_on_oops 1
pretend kernel/keys/root_maxkeys 1000000
pretend kernel/keys/root_maxbytes 25000000
mount --make-rshared / # what kubelet mounts for a pod, containerd must see

# A network without a way out: no default route, and both ends of the node's link are in here.
hostname "$NODE"
ip link set lo up
ip link add node0 type veth peer name node0-peer
ip link set node0-peer up
ip link set node0 up
ip address add "$ADDRESS/24" dev node0
ip route add "$SERVICES" dev node0 src "$ADDRESS"
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 0 >/proc/sys/net/ipv4/icmp_ratelimit # what a pod sends elsewhere is refused at once, every time

# A daemon is started again a second after it ended, unless `lab/run daemon stop NAME` holds it back.
keep() {
  local name=$1
  shift
  while true; do
    while [ -e "/run/daemons/$name.stopped" ]; do sleep 0.1; done
    "$@" >>"/run/lab/log/$name.log" 2>&1 </dev/null &
    echo $! >"/run/daemons/$name.pid"
    wait $! && status=0 || status=$?
    echo "$name ended with status $status" >>"/run/lab/log/$name.log"
    sleep 1
  done
}

pki=/etc/kubernetes/pki
keep containerd containerd --config /run/lab/containerd.toml &
keep etcd etcd --data-dir /run/lab/etcd --log-level warn --unsafe-no-fsync \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 &
keep kube-apiserver kube-apiserver \
  --etcd-servers=http://127.0.0.1:2379 --advertise-address="$ADDRESS" --secure-port=6443 \
  --service-cluster-ip-range="$SERVICES" --allow-privileged=true \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --tls-cert-file=$pki/kube-apiserver.crt --tls-private-key-file=$pki/kube-apiserver.key --client-ca-file=$pki/ca.crt \
  --kubelet-client-certificate=$pki/kubelet-client.crt --kubelet-client-key=$pki/kubelet-client.key \
  --kubelet-certificate-authority=$pki/ca.crt --kubelet-preferred-address-types=InternalIP \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local \
  --service-account-key-file=$pki/service-accounts.key --service-account-signing-key-file=$pki/service-accounts.key &

ready() { kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz >/dev/null 2>&1; }
until ready; do sleep 0.2; done

as() { printf -- '--%s=/etc/kubernetes/%s.conf ' kubeconfig "$1" authentication-kubeconfig "$1" authorization-kubeconfig "$1"; }
# shellcheck disable=SC2046  # three words are wanted
keep kube-controller-manager kube-controller-manager $(as kube-controller-manager) \
  --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials \
  --service-account-private-key-file=$pki/service-accounts.key --root-ca-file=$pki/ca.crt \
  --cluster-signing-cert-file=$pki/ca.crt --cluster-signing-key-file=$pki/ca.key &
# shellcheck disable=SC2046
keep kube-scheduler kube-scheduler $(as kube-scheduler) --bind-address=127.0.0.1 --leader-elect=false &
keep kubelet kubelet --config=/run/lab/kubelet.yaml --kubeconfig=/etc/kubernetes/kubelet.conf \
  --hostname-override="$NODE" --node-ip="$ADDRESS" &
keep kube-proxy kube-proxy --config=/run/lab/kube-proxy.yaml &

while true; do
  sleep 3600 &
  wait $! || true
done
