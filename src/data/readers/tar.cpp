// WebDataset shards: tar files in which neighbours with the same key (the name up to the first dot
// of its last part) are one sample: KEY.jpg, KEY.jpeg or KEY.png, and KEY.cls with the class as a
// number.

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/text.h"
#include "data/files.h"
#include "data/image_list.h"
#include "data/tar_index.h"

namespace trireme {
namespace {

constexpr std::array<std::string_view, 1> kExtensions{".tar"};

constexpr const char* kPairHint = "a sample is KEY.jpg or KEY.png and, beside it, KEY.cls";

struct Parts {
  std::string key, extension;
};
Parts split_name(const std::string& name) {
  const size_t slash = name.rfind('/');
  const size_t dot = name.find('.', slash == std::string::npos ? 0 : slash + 1);
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

// The files of one key as they are met.
class Sample {
 public:
  void add(const Parts& parts, const TarEntry& entry, std::span<const std::byte> archive,
           const std::string& shard) {
    key_ = parts.key;
    const auto bytes = archive.subspan(entry.offset, entry.size);
    const std::string& e = parts.extension;
    if (e == "jpg" || e == "jpeg" || e == "png") {
      if (image_.data() != nullptr)
        throw DataError(fmt::format("{}: {} and {} are both the image of {}", shard, image_name_,
                                    entry.name, key_),
                        kPairHint);
      image_ = bytes;
      image_name_ = entry.name;
    } else if (e == "cls") {
      label_ = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
  // Appends the sample to `list`, if there is one (a key may have other files only), and starts
  // anew.
  void finish(const std::string& shard, ImageList& list) {
    if (image_.data() == nullptr && !label_) return;
    if (!label_)
      throw DataError(fmt::format("{}: {} has no {}.cls", shard, image_name_, key_), kPairHint);
    if (image_.data() == nullptr)
      throw DataError(fmt::format("{}: {}.cls has no image", shard, key_), kPairHint);
    const auto number = parse_int(trim(*label_));
    if (!number) {
      throw DataError(fmt::format("{}: {}.cls holds '{}', which is not a class number", shard, key_,
                                  label_->substr(0, 40)),
                      "write the number of the class, from 0");
    }
    list.images.push_back({fmt::format("{}: {}", shard, image_name_), image_, {}, *number});
    *this = {};
  }
  const std::string& key() const { return key_; }

 private:
  std::string key_, image_name_;
  std::span<const std::byte> image_;
  std::optional<std::string> label_;
};

void append_shard(const Path& path, ImageList& list) {
  const std::string shard = path.string();
  list.shards.emplace_back(path);
  const auto archive = list.shards.back().bytes();
  if (archive.empty()) throw DataError(fmt::format("{} is empty", shard), kCopyAgain);
  Sample sample;
  for (const TarEntry& entry : index_tar(archive, shard)) {
    const Parts parts = split_name(entry.name);
    if (parts.key != sample.key()) sample.finish(shard, list);
    sample.add(parts, entry, archive, shard);
  }
  sample.finish(shard, list);
}

}  // namespace

RawData read_tar(const ReadRequest& request) {
  const auto shards = expand_files(request.files, kExtensions);
  ImageList list;
  for (const Path& shard : shards) append_shard(shard, list);
  if (list.images.empty()) {
    throw DataError(
        fmt::format("{} has no KEY.jpg or KEY.png with a KEY.cls", fmt::join(request.files, ", ")),
        kPairHint);
  }
  RawData raw;
  raw.files = named_by_file(shards);
  decode_images(std::move(list), request, raw);
  return raw;
}

}  // namespace trireme
