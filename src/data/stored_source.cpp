#include "data/stored_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "base/rng.h"
#include "base/sha256.h"
#include "data/files.h"

namespace trireme {

bool Split::validation(uint64_t id) const {
  if (fraction <= 0) return false;
  const Philox4 words = philox(mix(seed, hash_name("split")), id, 0);
  return to_unit_double(words[0], words[1]) < fraction;
}

StoredSource::StoredSource(RawData raw, Preprocessing preprocessing, Augmentation augmentation)
    : raw_(std::move(raw)),
      preprocessing_(std::move(preprocessing)),
      augmentation_(augmentation),
      normalizer_(preprocessing_.normalization, raw_.channels()),
      elements_(raw_.shape.elements()) {}

template <class T, class Fill, class Out>
void StoredSource::write(const T* values, const SampleKey& key, bool augment, const Fill& fill,
                         Out* out) const {
  if (augment && raw_.image && augmentation_.any())
    place_image(values, raw_.shape[1], raw_.shape[2], draw_placement(augmentation_, key), fill,
                out);
  else
    fill.apply(values, elements_, out);
}

template <class T>
void StoredSource::write_input(const T* values, const SampleKey& key, bool augment,
                               const SampleOut& out) const {
  if constexpr (std::is_same_v<T, uint8_t>) {
    if (out.bytes) return write(values, key, augment, Unchanged(raw_.channels()), out.bytes);
  }
  write(values, key, augment, normalizer_, out.input);
}

void StoredSource::read_input(uint64_t id, const SampleKey& key, bool augment,
                              const SampleOut& out) const {
  const size_t size = static_cast<size_t>(elements_);
  if (!raw_.bytes.empty()) {
    write_input(raw_.bytes.data() + id * size, key, augment, out);
  } else if (!raw_.floats.empty()) {
    write_input(raw_.floats.data() + id * size, key, augment, out);
  } else if (raw_.decode) {
    std::vector<uint8_t> image(size);
    raw_.decode(id, image.data());
    write_input(image.data(), key, augment, out);
  } else {
    std::vector<float> values(size);
    raw_.generate(id, values.data());
    write_input(values.data(), key, augment, out);
  }
}

void StoredSource::read_fetched(uint64_t id, const SampleKey& key, bool augment,
                                const SampleOut& out) const {
  const RawSample sample = raw_.fetch(id);
  if (out.input && elements_ > 0) write_input(sample.input, key, augment, out);
  if (raw_.has_labels())
    *out.label = sample.label;
  else
    std::copy_n(sample.target, raw_.target_width, out.target);
  if (out.weight) *out.weight = sample.weight;
  if (out.ids) std::copy_n(sample.ids, preprocessing_.schema.ids(), out.ids);
}

void StoredSource::read(uint64_t id, const SampleKey& key, bool augment,
                        const SampleOut& out) const {
  if (raw_.fetch) return read_fetched(id, key, augment, out);
  if ((out.input || out.bytes) && elements_ > 0) read_input(id, key, augment, out);
  if (!raw_.labels.empty()) {
    *out.label = raw_.labels[id];
  } else {
    std::copy_n(raw_.targets.data() + id * static_cast<size_t>(raw_.target_width),
                raw_.target_width, out.target);
  }
  if (out.weight) *out.weight = raw_.weights.empty() ? 1.0f : raw_.weights[id];
  if (out.ids) {
    const size_t count = static_cast<size_t>(preprocessing_.schema.ids());
    std::copy_n(raw_.ids.data() + id * count, count, out.ids);
  }
}

std::string StoredSource::fingerprint() const {
  return raw_.files.empty() ? sha256(raw_.parameters).hex() : fingerprint_files(raw_.files);
}

SplitSource::SplitSource(std::shared_ptr<const DataSource> whole, const Split& split,
                         bool validation)
    : whole_(std::move(whole)) {
  for (int64_t id = 0; id < whole_->size(); ++id) {
    const uint64_t i = static_cast<uint64_t>(id);
    if (split.validation(i) == validation) ids_.push_back(i);
  }
}

std::string SplitSource::fingerprint() const {
  Sha256 hash;
  hash.update(whole_->fingerprint());
  for (uint64_t id : ids_) hash.update(fmt::format(" {}", id));
  return hash.finish().hex();
}

}  // namespace trireme
