#include "worker/servers/export_parcel.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace trireme {
namespace {

using nlohmann::json;
constexpr int kTag = 410;  // a JSON text's length, the text, then the tensors it lists

json describe(const std::string& name, const HostTensor& t) {
  json extents = json::array();
  for (const int64_t d : t.shape.dims()) extents.push_back(d);
  return {{"name", name},
          {"shape", extents},
          {"dtype", static_cast<int>(t.dtype)},
          {"bytes", t.bytes.size()}};
}

HostTensor tensor_of(const json& j) {
  const auto extents = j.at("shape").get<std::vector<int64_t>>();
  return {Shape(std::span<const int64_t>(extents)), static_cast<DType>(j.at("dtype").get<int>()),
          std::vector<std::byte>(j.at("bytes").get<size_t>())};
}

void send(Communicator& world, int to, Bytes bytes, const Wait& wait) {
  world.wait(world.send(to, kTag, bytes), wait);
}

void receive(Communicator& world, int from, MutableBytes bytes, const Wait& wait) {
  world.wait(world.receive(from, kTag, bytes), wait);
}

}  // namespace

void send_parcel(Communicator& world, int to, const ExportParcel& p, const Wait& wait) {
  json tensors = json::array();
  for (const auto& [name, tensor] : p.weights) tensors.push_back(describe(name, tensor));
  const std::string text = json{
      {"tensors", tensors},
      {"input", describe("input", p.goldens.input)},
      {"output", describe("output", p.goldens.output)},
      {"ids", describe("ids", p.goldens.ids)},
      {"preprocessing", p.preprocessing.to_json()},
      {"config", p.config},
      {"origin", p.origin},
      {"run_directory",
       p.run_directory}}.dump();
  const uint64_t size = text.size();
  send(world, to, std::as_bytes(std::span(&size, 1)), wait);
  send(world, to, std::as_bytes(std::span(text)), wait);
  for (const auto& [name, tensor] : p.weights) send(world, to, tensor.bytes, wait);
  send(world, to, p.goldens.input.bytes, wait);
  send(world, to, p.goldens.output.bytes, wait);
  send(world, to, p.goldens.ids.bytes, wait);
}

ExportParcel receive_parcel(Communicator& world, int from, const Wait& wait) {
  uint64_t size = 0;
  receive(world, from, std::as_writable_bytes(std::span(&size, 1)), wait);
  std::string text(size, ' ');
  receive(world, from, std::as_writable_bytes(std::span(text)), wait);
  try {
    const json j = json::parse(text);
    ExportParcel p;
    p.preprocessing = Preprocessing::from_json(j.at("preprocessing").get<std::string>());
    p.config = j.at("config");
    p.origin = j.at("origin");
    p.run_directory = j.at("run_directory");
    for (const json& one : j.at("tensors")) {  // sorted by name, as they are sent
      HostTensor tensor = tensor_of(one);
      receive(world, from, tensor.bytes, wait);
      p.weights.emplace(one.at("name").get<std::string>(), std::move(tensor));
    }
    p.goldens = {tensor_of(j.at("input")), tensor_of(j.at("output")), tensor_of(j.at("ids"))};
    receive(world, from, p.goldens.input.bytes, wait);
    receive(world, from, p.goldens.output.bytes, wait);
    receive(world, from, p.goldens.ids.bytes, wait);
    return p;
  } catch (const json::exception& e) {
    throw FormatError(fmt::format("worker 0 sent an export that cannot be read: {}", e.what()),
                      "all ranks must run the same build");
  }
}

}  // namespace trireme
