#pragma once
// Encoded images with labels, from tar shards or folders, and how they become raw data.

#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "data/raw_data.h"

namespace trireme {

struct EncodedImage {
  std::string name;                  // for messages: shard and key, or path
  std::span<const std::byte> bytes;  // in a mapped shard; empty: read `path`
  Path path;
  int64_t label = 0;
};

struct ImageList {
  std::vector<MappedFile> shards;  // what `bytes` point into
  std::vector<EncodedImage> images;
};

// Sets samples, shape, labels and values of `raw`. The size and channels are data.channels, height,
// width where given, else `known`'s, else those of the first image; images of another size are
// resized with data.resize and an error without. A set of at most 1 GiB decoded is decoded here, by
// all threads; a larger one at each read.
void decode_images(ImageList list, const ReadRequest& request, RawData& raw);

}  // namespace trireme
