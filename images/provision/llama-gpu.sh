# llama.cpp's own server for NVIDIA's GPUs, built from the pinned commit. What only the build needs is removed again.
. "$(dirname "$0")/lib.sh"
install_packages $(pin llama.cpp/packages)
[ ! -x "$opt/engine/bin/llama-server" ] || exit 0
install_packages $(pin llama.cpp/build_packages)
source=/var/tmp/tlfif-llama.cpp
commit=$(pin llama.cpp/commit)
[ -d "$source/.git" ] || git init -q "$source"
git -C "$source" fetch -q --depth 1 "$(pin llama.cpp/repository)" "$commit"
git -C "$source" checkout -q --detach "$commit"
# Not for the builder's own processor, which is another than the machine's.
cmake -S "$source" -B "$source/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF \
    -DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$(pin llama.cpp/gpu_architectures)" -DLLAMA_CURL=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
cmake --build "$source/build" --target llama-server --parallel "$(nproc)"
install -D -m 0755 "$source/build/bin/llama-server" "$opt/engine/bin/llama-server"
rm -rf "$source"
apt-mark manual -qq $(pin llama.cpp/packages) >/dev/null
apt-get purge -y -qq --autoremove $(pin llama.cpp/build_packages)
ldd "$opt/engine/bin/llama-server" | grep 'not found' | grep -v 'libcuda.so' && fail "llama-server lacks a library"
exit 0
