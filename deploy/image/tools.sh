#!/usr/bin/env bash
# tools.sh FOLDER TOOL=VERSION…: puts released command line tools into a folder, each checked by its published sum.
# Tools are kubectl, kind, helm, istioctl and linkerd. One without a version is left out. A tool that is there already in
# that version isn't fetched again.
set -euo pipefail

folder=$1
shift
mkdir -p "$folder"
case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "there are no released tools for $(uname -m)" >&2 && exit 1 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() { curl --proto '=https' --tlsv1.2 -sSfL --retry 3 "$@"; }

# release URL SUM_URL: the path of what was fetched, if its sum is the published one.
release() {
  local file=$work/${1##*/} sum
  fetch -o "$file" "$1"
  sum=$(fetch "$2" | cut -d ' ' -f 1)
  if ! echo "$sum  $file" | sha256sum --check --quiet - >&2; then
    echo "$1 isn't what its published sum says ($sum)" >&2
    return 1
  fi
  echo "$file"
}

for each in "$@"; do
  tool=${each%%=*} version=${each#*=}
  mark=$folder/.$tool-$version
  if [ -z "$version" ] || [ -e "$mark" ]; then continue; fi
  github=https://github.com
  case $tool in
    kubectl)
      url=https://dl.k8s.io/release/$version/bin/linux/$arch/kubectl
      file=$(release "$url" "$url.sha256")
      ;;
    kind)
      url=$github/kubernetes-sigs/kind/releases/download/$version/kind-linux-$arch
      file=$(release "$url" "$url.sha256sum")
      ;;
    helm)
      url=https://get.helm.sh/helm-$version-linux-$arch.tar.gz
      tar -xzf "$(release "$url" "$url.sha256sum")" -C "$work" --strip-components 1
      file=$work/helm
      ;;
    istioctl)
      url=$github/istio/istio/releases/download/$version/istioctl-$version-linux-$arch.tar.gz
      tar -xzf "$(release "$url" "$url.sha256")" -C "$work" istioctl
      file=$work/istioctl
      ;;
    linkerd)
      url=$github/linkerd/linkerd2/releases/download/$version/linkerd2-cli-$version-linux-$arch
      file=$(release "$url" "$url.sha256")
      ;;
    *) echo "there is no tool $tool: kubectl, kind, helm, istioctl, linkerd" >&2 && exit 1 ;;
  esac
  install -m 755 "$file" "$folder/$tool"
  touch "$mark"
done
