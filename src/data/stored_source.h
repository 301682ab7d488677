#pragma once
// The data source behind every reader: raw samples plus their preprocessing.

#include <memory>

#include "data/augment.h"
#include "data/raw_data.h"

namespace trireme {

class StoredSource final : public DataSource {
 public:
  // `raw` fits `preprocessing` (check_fits). Augmentation applies to images only.
  StoredSource(RawData raw, Preprocessing preprocessing, Augmentation augmentation);
  int64_t size() const override { return raw_.samples; }
  const Preprocessing& preprocessing() const override { return preprocessing_; }
  void read(uint64_t id, const SampleKey& key, bool augment, const SampleOut& out) const override;
  int64_t label(uint64_t id) const override {
    return raw_.fetch ? raw_.fetch(id).label : raw_.labels[id];
  }
  bool in_memory() const override { return !raw_.decode && !raw_.generate && !raw_.fetch; }
  bool reads_bytes() const override { return raw_.eight_bit(); }
  std::string fingerprint() const override;

 private:
  template <class T>
  void write_input(const T* values, const SampleKey& key, bool augment, const SampleOut& out) const;
  template <class T, class Fill, class Out>
  void write(const T* values, const SampleKey& key, bool augment, const Fill& fill, Out* out) const;
  void read_fetched(uint64_t id, const SampleKey& key, bool augment, const SampleOut& out) const;
  void read_input(uint64_t id, const SampleKey& key, bool augment, const SampleOut& out) const;

  RawData raw_;
  Preprocessing preprocessing_;
  Augmentation augmentation_;
  Normalizer normalizer_;
  int64_t elements_;
};

// The samples of `whole` that a split keeps; ids are renumbered in order.
class SplitSource final : public DataSource {
 public:
  // Shared: the training and the validation view stand on the same samples.
  SplitSource(std::shared_ptr<const DataSource> whole, const Split& split, bool validation);
  int64_t size() const override { return static_cast<int64_t>(ids_.size()); }
  const Preprocessing& preprocessing() const override { return whole_->preprocessing(); }
  void read(uint64_t id, const SampleKey& key, bool augment, const SampleOut& out) const override {
    whole_->read(ids_[id], key, augment, out);
  }
  int64_t label(uint64_t id) const override { return whole_->label(ids_[id]); }
  uint64_t place(uint64_t id) const override { return whole_->place(ids_[id]); }
  bool in_memory() const override { return whole_->in_memory(); }
  bool reads_bytes() const override { return whole_->reads_bytes(); }
  std::string fingerprint() const override;

 private:
  std::shared_ptr<const DataSource> whole_;
  std::vector<uint64_t> ids_;
};

}  // namespace trireme
