// Name what a picture shows with MindSpore Lite: ./classify BUNDLE MODEL.ms PICTURE [TOP_K]
// Built by CMakeLists.txt, or against the unpacked wheel of PyPI:
//   L=<wheel>/mindspore_lite; g++ -std=c++17 -O2 -ffp-contract=off -I$L -I$L/include classify.cc -o classify -L$L/lib
//     -l:libmindspore-extendrt_python.so -lmslite_shared_lib -lmindspore_core -l:libmindspore_glog.so.0
//   LD_LIBRARY_PATH=$L/lib ./classify ...
// stb_image decodes JPEG and PNG then; with -DSYSTEM_DECODERS -ljpeg -lpng libjpeg-turbo and libpng do, as in training.
#include <cstring>
#include <iostream>
#include <memory>
#include <numeric>

#include "include/api/context.h"
#include "include/api/model.h"
#include "picture_file.h"

static std::vector<std::string> ReadLines(const std::string &path) {
  std::stringstream text(ReadText(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// The library of the Python wheel calls a .ms file kMindIR_Lite, older device libraries kMindIR.
static std::unique_ptr<mindspore::Model> Open(const std::string &file) {
  for (const auto type : {mindspore::kMindIR_Lite, mindspore::kMindIR}) {
    auto context = std::make_shared<mindspore::Context>();
    context->MutableDeviceInfo().push_back(std::make_shared<mindspore::CPUDeviceInfo>());
    auto model = std::make_unique<mindspore::Model>();
    if (model->Build(file, type, context) == mindspore::kSuccess) return model;
  }
  throw std::runtime_error("MindSpore Lite cannot load " + file);
}

static std::vector<float> Run(const std::string &file, const std::vector<float> &planes, int channels, int side) {
  const auto model = Open(file);
  const auto shape = model->GetInputs()[0].Shape();
  const bool channels_last = shape.size() == 4 && shape[3] == channels && shape[1] != channels;
  const std::vector<int64_t> wanted = channels_last ? std::vector<int64_t>{1, side, side, channels}
                                                    : std::vector<int64_t>{1, channels, side, side};
  // Converted files want channels last, whatever the format of the tensor says: the shape decides.
  if (shape != wanted && model->Resize(model->GetInputs(), {wanted}) != mindspore::kSuccess)
    throw std::runtime_error(file + " does not take one picture of this size");
  auto inputs = model->GetInputs();
  if (inputs[0].DataSize() != planes.size() * sizeof(float)) throw std::runtime_error(file + " wants another input");
  auto *data = static_cast<float *>(inputs[0].MutableData());
  const size_t area = static_cast<size_t>(side) * side;
  for (size_t i = 0; i < planes.size(); ++i)
    data[channels_last ? i % area * channels + i / area : i] = planes[i];
  std::vector<mindspore::MSTensor> outputs;
  if (model->Predict(inputs, &outputs) != mindspore::kSuccess) throw std::runtime_error("prediction failed");
  const auto *values = static_cast<const float *>(outputs[0].MutableData());
  return {values, values + outputs[0].ElementNum()};
}

int main(int argc, char **argv) try {
  if (argc < 4) throw std::runtime_error("usage: classify BUNDLE MODEL.ms PICTURE [TOP_K]");
  std::cerr << "JPEG and PNG decoder: " << kDecoder << "\n";
  const std::string bundle = argv[1];
  const auto spec = ReadPreprocessing(bundle + "/preprocessing.json");
  const auto labels = ReadLines(bundle + "/labels.txt");
  auto outputs = Run(argv[2], Preprocess(ReadPicture(argv[3]), spec), spec.gray ? 1 : 3, spec.side);
  if (outputs.size() != labels.size()) throw std::runtime_error("the model and labels.txt have different classes");
  if (ReadText(bundle + "/manifest.json").find("\"output_kind\": \"logits\"") != std::string::npos) {
    const float peak = *std::max_element(outputs.begin(), outputs.end());
    float sum = 0;
    for (float &value : outputs) sum += value = std::exp(value - peak);
    for (float &value : outputs) value /= sum;
  }
  std::vector<size_t> order(outputs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return outputs[a] > outputs[b]; });
  const size_t top_k = std::min(order.size(), static_cast<size_t>(argc > 4 ? std::max(1, std::atoi(argv[4])) : 5));
  for (size_t i = 0; i < top_k; ++i) std::cout << 100 * outputs[order[i]] << " %  " << labels[order[i]] << "\n";
  return 0;
} catch (const std::exception &error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
