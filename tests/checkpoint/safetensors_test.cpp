#include "checkpoint/safetensors.h"

#include <fstream>

#include "base/error.h"
#include "base/sha256.h"
#include "checkpoint/fixture.h"

namespace trireme {
namespace {

using testing::Test;

class Safetensors : public FolderTest {
 protected:
  // A file of this header and so many zero bytes of data.
  Path with_header(const std::string& header, size_t data) {
    std::string text(8, '\0');
    for (size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(header.size() >> (8 * i));
    return with_text(text + header + std::string(data, '\0'));
  }
  Path with_text(const std::string& text) {
    const Path path = folder / "broken.safetensors";
    std::ofstream(path, std::ios::binary) << text;  // unsynced: hundreds of them are written
    return path;
  }
  void expect_refused(const Path& path, const std::string& part) {
    const auto what = message_of<FormatError>([&] { SafetensorsReader reader(path); });
    EXPECT_NE(what.find(path.string()), std::string::npos) << what;
    EXPECT_NE(what.find(part), std::string::npos) << what;
  }
};

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

TEST_F(Safetensors, EveryDtypeAndOddShapeComesBackBitForBit) {
  std::map<std::string, HostTensor> written;
  const std::vector<Shape> shapes = {Shape{},
                                     Shape{0},
                                     Shape{1},
                                     Shape{7},
                                     Shape{3, 0, 5},
                                     Shape{3, 5, 7},
                                     Shape{1, 2, 3, 1, 2, 1}};
  for (const DType t :
       {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8, DType::bf16, DType::f16}) {
    for (const Shape& s : shapes) written[std::string(name_of(t)) + "." + s.str()] = pattern(s, t);
  }
  write_tensors(folder / "all", written, {{"made by", "a test"}});
  const SafetensorsReader reader(folder / "all");
  ASSERT_EQ(reader.tensors().size(), written.size());
  for (const auto& [name, expected] : written) {
    const HostTensor found = reader.tensor(name);
    EXPECT_EQ(found.shape, expected.shape) << name;
    EXPECT_EQ(found.dtype, expected.dtype) << name;
    EXPECT_EQ(found.bytes, expected.bytes) << name;
  }
  EXPECT_EQ(reader.metadata().at("format"), "pt");
  EXPECT_EQ(reader.metadata().at("made by"), "a test");
}

// The tensors of a MemorySource, every other one where it lies.
class InPlace final : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::span<const std::byte> in_place(const TensorMeta& tensor) const override {
    const auto& tensors = this->tensors();
    const auto at = tensors.find(tensor.name);
    if (std::distance(tensors.begin(), at) % 2 == 1) return {};
    return at->second.bytes;
  }
};

TEST_F(Safetensors, TensorsThatLieInPlaceMakeTheSameFile) {
  std::map<std::string, HostTensor> tensors;
  for (const int64_t n : {0, 5, 700'001, 3, 1'300'000})
    tensors["t" + std::to_string(n)] = pattern(Shape{n}, DType::f32);
  InPlace in_place(tensors);
  MemorySource read(tensors);
  const WrittenFile a = write_safetensors(folder / "a", in_place.list(), in_place, {});
  const WrittenFile b = write_safetensors(folder / "b", read.list(), read, {});
  EXPECT_EQ(a.sha256, b.sha256);
  EXPECT_EQ(a.sha256, sha256_file((folder / "a").string()).hex());
  EXPECT_EQ(read_bytes(folder / "a"), read_bytes(folder / "b"));
}

TEST_F(Safetensors, TheFileIsLaidOutAsTheFormatSays) {
  const std::vector<float> one = {1};
  write_tensors(folder / "f", {{"b", pattern({1}, DType::u8)}, {"a", HostTensor::from({1}, one)}});
  const std::string header =
      "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
      "\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4,5]}}";
  const std::string text = read_text(folder / "f");
  const size_t padded = (header.size() + 7) / 8 * 8;
  EXPECT_EQ(static_cast<uint8_t>(text[0]), padded);
  EXPECT_EQ(text.substr(8, padded), header + std::string(padded - header.size(), ' '));
  EXPECT_EQ(text.size(), 8 + padded + 5);
}

TEST_F(Safetensors, SizeAndHashOfTheWrittenFileAreThose) {
  MemorySource source(
      {{"large", pattern({3'000'001}, DType::f32)}, {"s", pattern({3}, DType::u8)}});
  const WrittenFile written = write_safetensors(folder / "f", source.list(), source, {});
  EXPECT_EQ(written.bytes, std::filesystem::file_size(folder / "f"));
  EXPECT_EQ(written.sha256, sha256_file((folder / "f").string()).hex());
  EXPECT_EQ(SafetensorsReader(folder / "f").tensor("large").bytes,
            source.tensors().at("large").bytes);
}

TEST_F(Safetensors, AFileWithoutTensorsIsLegal) {
  write_tensors(folder / "f", {});
  EXPECT_TRUE(SafetensorsReader(folder / "f").tensors().empty());
  EXPECT_TRUE(SafetensorsReader(with_header("{}", 0)).tensors().empty());
}

TEST_F(Safetensors, EveryTruncationIsDetected) {
  auto source = small_source();
  write_safetensors(folder / "f", source.list(), source, {});
  const std::string whole = read_text(folder / "f");
  for (size_t size = 0; size < whole.size(); ++size) {
    const Path path = with_text(whole.substr(0, size));
    EXPECT_THROW(SafetensorsReader{path}, FormatError) << "cut at " << size;
  }
  expect_refused(with_text(whole.substr(0, 5)), "byte 0: the file has 5 bytes");
  expect_refused(with_text(whole.substr(0, 40)), "reaches past the end of the 40-byte file");
  expect_refused(with_text(whole + "x"), "1 bytes that belong to no tensor");
}

TEST_F(Safetensors, LiesInTheHeaderAreRefused) {
  const std::string good = entry("a", "F32", "[2]", "[0,8]");
  EXPECT_NO_THROW(SafetensorsReader(with_header("{" + good + "}", 8)));
  expect_refused(with_text(std::string(8, '\xff')), "header length 18446744073709551615");
  expect_refused(with_text(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8)), "header length 100000001");
  expect_refused(with_header("[1]", 0), "byte 8");
  expect_refused(with_header("{\"a\": }", 0), "not valid JSON at byte 14");
  expect_refused(with_header("{\"\xff\":1}", 0), "not valid JSON");
  expect_refused(with_header("{" + good + "," + good + "}", 8), "key 'a' appears twice");
  expect_refused(with_header("{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}", 0),
                 "deeper");
  expect_refused(with_header("{\"__metadata__\":{\"x\":1}}", 0), "'__metadata__.x'");
}

TEST_F(Safetensors, FieldsThatDoNotFitAreNamed) {
  const auto refused = [this](const std::string& e, const std::string& part) {
    expect_refused(with_header("{" + e + "}", 8), part);
  };
  refused("\"a\":3", "tensor 'a'");
  refused("\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}", "'tensor 'a'.dtype' is missing");
  refused(entry("a", "F8", "[2]", "[0,8]"), "is 'F8', which is not supported");
  refused(entry("a", "F32", "[-2]", "[0,8]"), "the extent -2");
  refused(entry("a", "F32", "[2.0]", "[0,8]"), "the extent 2.0");
  refused(entry("a", "F32", "[1,1,1,1,1,1,2]", "[0,8]"), "7 axes");
  refused(entry("a", "F32", "[4294967296,4294967296]", "[0,8]"), "overflows");
  refused(entry("a", "F32", "[0,4294967296,4294967296]", "[0,0]"), "overflows");
  refused(entry("a", "F32", "[3]", "[0,8]"), "spans 8 bytes; shape 3 of F32 needs 12");
  refused(entry("a", "F32", "[2]", "[8,0]"), "outside the 8 bytes");
  refused(entry("a", "F32", "[2]", "[8,16]"), "outside the 8 bytes");
  refused(entry("a", "F32", "[2]", "[0]"), "not two integers");
  refused(entry("a", "F32", "[1]", "[4,8]"), "leaves a hole");
  refused(entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[1]", "[4,8]"), "overlaps");
}

TEST_F(Safetensors, ATensorThatIsNotThereIsNamed) {
  write_tensors(folder / "f", {});
  const SafetensorsReader reader(folder / "f");
  EXPECT_EQ(reader.find("fc.weight"), nullptr);
  const auto what = message_of<FormatError>([&] { (void)reader.tensor("fc.weight"); });
  EXPECT_NE(what.find("no tensor 'fc.weight'"), std::string::npos);
}

TEST_F(Safetensors, NamesThatCannotBeWrittenAreRefused) {
  MemorySource source({{"a", pattern({1}, DType::f32)}});
  const std::vector<TensorMeta> twice = {source.list()[0], source.list()[0]};
  EXPECT_THROW(write_safetensors(folder / "f", twice, source, {}), FormatError);
  EXPECT_THROW(write_tensors(folder / "f", {{"__metadata__", pattern({1}, DType::f32)}}),
               FormatError);
  EXPECT_THROW(write_tensors(folder / "f", {{"\xff", pattern({1}, DType::f32)}}), FormatError);
  EXPECT_FALSE(std::filesystem::exists(folder / "f"));
}

}  // namespace
}  // namespace trireme
