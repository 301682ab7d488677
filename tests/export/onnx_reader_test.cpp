// Files that are damaged or that hold what we do not read: always a FormatError that names the
// place.
#include <gmock/gmock.h>
#include <onnx/onnx_pb.h>

#include "base/error.h"
#include "export/test_models.h"

namespace trireme {
namespace {

using namespace testing_models;
using testing::HasSubstr;

class OnnxReader : public testing::Test {
 protected:
  OnnxReader() {
    write_onnx(trained(*graph, random_weights(*graph)), file);
    EXPECT_TRUE(proto.ParseFromString(read_text(file)));
  }
  onnx::NodeProto& node(const std::string& name) {
    for (onnx::NodeProto& n : *proto.mutable_graph()->mutable_node())
      if (n.name() == name) return n;
    throw std::out_of_range(name);
  }
  onnx::AttributeProto& attribute(const std::string& node_name, const std::string& name) {
    for (onnx::AttributeProto& a : *node(node_name).mutable_attribute())
      if (a.name() == name) return a;
    throw std::out_of_range(name);
  }
  std::string error_after_change() {
    write_atomic(file, proto.SerializeAsString());
    return message_of<FormatError>([&] { read_onnx(file); });
  }

  std::unique_ptr<Graph> graph = lenet_like();
  TemporaryDir dir;
  Path file = dir / "m.onnx";
  onnx::ModelProto proto;
};

TEST_F(OnnxReader, RefusesAFileThatIsNotOnnx) {
  write_atomic(file, std::string_view("not a model at all"));
  EXPECT_EQ(message_of<FormatError>([&] { read_onnx(file); }),
            file.string() + ": not an ONNX file, or cut off");
}

TEST_F(OnnxReader, RefusesEveryTruncation) {
  const std::string whole = read_text(file);
  for (size_t keep = 0; keep < whole.size(); keep += 1 + whole.size() / 97) {
    write_atomic(file, std::string_view(whole).substr(0, keep));
    EXPECT_THROW(read_onnx(file), FormatError) << keep << " of " << whole.size() << " bytes";
  }
}

TEST_F(OnnxReader, NeverCrashesOnFlippedBytes) {
  const std::string whole = read_text(file);
  for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 211) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    write_atomic(file, std::string_view(bad));
    try {
      read_onnx(file);  // a flipped bit inside a weight is a legal file
    } catch (const FormatError&) {
    }
  }
}

TEST_F(OnnxReader, NamesAnOperatorThatItDoesNotKnow) {
  node("c1_relu").set_op_type("Elu");
  EXPECT_EQ(error_after_change(),
            file.string() + ": ONNX operator c1_relu (Elu): this operator is not supported");
}

TEST_F(OnnxReader, NamesAnAttributeThatItDoesNotKnow) {
  onnx::AttributeProto* storage = node("s1").add_attribute();
  storage->set_name("storage_order");
  storage->set_type(onnx::AttributeProto::INT);
  storage->set_i(1);
  EXPECT_THAT(error_after_change(),
              HasSubstr("s1 (MaxPool): attribute storage_order is not supported"));
}

TEST_F(OnnxReader, RefusesPaddingThatDiffersBetweenSides) {
  attribute("c1", "pads").set_ints(0, 1);
  attribute("c1", "pads").set_ints(2, 3);
  EXPECT_THAT(error_after_change(), HasSubstr("c1 (Conv): pads are 1,2,3,2"));
}

TEST_F(OnnxReader, RefusesAGemmThatScales) {
  onnx::AttributeProto* alpha = node("f1").add_attribute();
  alpha->set_name("alpha");
  alpha->set_type(onnx::AttributeProto::FLOAT);
  alpha->set_f(2);
  EXPECT_THAT(error_after_change(), HasSubstr("f1 (Gemm): alpha and beta other than 1"));
}

TEST_F(OnnxReader, RefusesAGemmWithAnUntransposedWeight) {
  attribute("f2", "transB").set_i(0);
  for (onnx::TensorProto& tensor : *proto.mutable_graph()->mutable_initializer())
    if (tensor.name() == "f2.weight") tensor.mutable_dims()->SwapElements(0, 1);
  EXPECT_THAT(error_after_change(),
              HasSubstr("f2 (Gemm): attribute transB is 0; only 1 is supported"));
}

TEST_F(OnnxReader, RefusesWeightsInAnotherFile) {
  onnx::TensorProto* tensor = proto.mutable_graph()->mutable_initializer(0);
  tensor->clear_raw_data();
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  EXPECT_THAT(error_after_change(), HasSubstr(tensor->name()));
}

TEST_F(OnnxReader, RefusesWeightsWhoseBytesDoNotFitTheirShape) {
  onnx::TensorProto* tensor = proto.mutable_graph()->mutable_initializer(0);
  tensor->mutable_raw_data()->resize(tensor->raw_data().size() - 4);
  EXPECT_THAT(error_after_change(), HasSubstr(tensor->name()));
}

TEST_F(OnnxReader, ReadsSlicesByStepsOfOneAndRefusesIndicesFromTheEnd) {
  GraphMaker maker({6});
  maker.layer("s", "slice", {{"begin", int64_t{2}}, {"count", int64_t{3}}});
  graph = maker.finish();
  write_onnx(trained(*graph, random_weights(*graph)), file);
  ASSERT_TRUE(proto.ParseFromString(read_text(file)));
  const auto initializer = [&](const std::string& name, int64_t value) {
    for (onnx::TensorProto& tensor : *proto.mutable_graph()->mutable_initializer())
      if (tensor.name() == name)
        tensor.set_raw_data(std::string(reinterpret_cast<const char*>(&value), sizeof value));
  };
  *proto.mutable_graph()->add_initializer() = proto.graph().initializer(0);
  proto.mutable_graph()->mutable_initializer()->rbegin()->set_name("steps");
  initializer("steps", 1);
  node("s").add_input("steps");
  write_atomic(file, proto.SerializeAsString());
  EXPECT_EQ(read_onnx(file).graph->node(1).op->attributes(),
            (Attributes{{"begin", int64_t{2}}, {"count", int64_t{3}}}));
  initializer("s/starts", -4);
  EXPECT_THAT(error_after_change(),
              HasSubstr("s (Slice): the slice -4:5 is not supported; only 0 <= begin < end"));
}

TEST_F(OnnxReader, RefusesAnotherOpset) {
  proto.mutable_opset_import(0)->set_version(13);
  EXPECT_EQ(error_after_change(), file.string() + ": opset 13; only 17 is supported");
}

TEST_F(OnnxReader, RefusesASymbolicExtentOtherThanTheBatch) {
  proto.mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(2)
      ->set_dim_param("H");
  EXPECT_THAT(error_after_change(), HasSubstr(file.string()));
}

TEST_F(OnnxReader, RefusesAWeightThatIsComputed) {
  node("f2").set_input(1, node("f1").output(0));
  EXPECT_THAT(error_after_change(), HasSubstr("f2"));
}

TEST_F(OnnxReader, RefusesAFileThatIsMissing) {
  EXPECT_THROW(read_onnx(dir / "none.onnx"), DataError);
}

// The operators decide, not our metadata: another slope must be read as another slope.
TEST_F(OnnxReader, ReadsOperatorsRatherThanItsOwnMetadata) {
  const Goldens goldens = record_goldens(*graph, random_weights(*graph), nullptr, 2, 3);
  node("c2_tanh").set_op_type("Sigmoid");
  write_atomic(file, proto.SerializeAsString());
  const LoadedModel loaded = read_onnx(file);
  const HostTensor got = Predictor(*loaded.graph, loaded.weights).run(goldens.input);
  EXPECT_NE(got.bytes, goldens.output.bytes);
  EXPECT_EQ(loaded.graph->node(loaded.graph->find("c2_tanh")).op->kind(), "sigmoid");
}

}  // namespace
}  // namespace trireme
