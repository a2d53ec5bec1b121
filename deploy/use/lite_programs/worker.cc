// Runs a .ms file for a parent process: worker MODEL.ms THREADS C H W. It speaks as worker.py does.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "include/api/context.h"
#include "include/api/model.h"

// The library of the Python wheel calls a .ms file kMindIR_Lite, older device libraries kMindIR.
static std::unique_ptr<mindspore::Model> Open(const std::string &file, int threads) {
  for (const auto type : {mindspore::kMindIR_Lite, mindspore::kMindIR}) {
    auto context = std::make_shared<mindspore::Context>();
    context->SetThreadNum(threads);
    context->MutableDeviceInfo().push_back(std::make_shared<mindspore::CPUDeviceInfo>());
    auto model = std::make_unique<mindspore::Model>();
    if (model->Build(file, type, context) == mindspore::kSuccess) return model;
  }
  throw std::runtime_error("MindSpore Lite cannot load " + file);
}

int main(int argc, char **argv) try {
  if (argc != 6) throw std::runtime_error("usage: worker MODEL.ms THREADS C H W");
  FILE *out = fdopen(dup(1), "wb");
  dup2(2, 1);  // the library may print
  const auto model = Open(argv[1], std::atoi(argv[2]));
  const int64_t channels = std::atoi(argv[3]), height = std::atoi(argv[4]), width = std::atoi(argv[5]);
  const auto shape = model->GetInputs()[0].Shape();
  const bool channels_last = shape.size() == 4 && shape[3] == channels && shape[1] != channels;
  const std::vector<int64_t> wanted = channels_last ? std::vector<int64_t>{1, height, width, channels}
                                                    : std::vector<int64_t>{1, channels, height, width};
  if (shape != wanted && model->Resize(model->GetInputs(), {wanted}) != mindspore::kSuccess)
    throw std::runtime_error("the file does not take one picture of this size");
  const size_t area = static_cast<size_t>(height * width), count = area * static_cast<size_t>(channels);
  auto inputs = model->GetInputs();
  if (inputs[0].DataSize() != count * sizeof(float)) throw std::runtime_error("the file wants another input");
  std::fputs("ready", out);
  for (const int64_t size : inputs[0].Shape()) std::fprintf(out, " %lld", static_cast<long long>(size));
  std::fputs("\n", out);
  std::fflush(out);
  std::vector<float> picture(count);
  while (std::fread(picture.data(), sizeof(float), count, stdin) == count) {
    const auto start = std::chrono::steady_clock::now();
    auto *data = static_cast<float *>(inputs[0].MutableData());
    for (size_t i = 0; i < count; ++i)
      data[channels_last ? i % area * static_cast<size_t>(channels) + i / area : i] = picture[i];
    std::vector<mindspore::MSTensor> outputs;
    if (model->Predict(inputs, &outputs) != mindspore::kSuccess) throw std::runtime_error("prediction failed");
    const auto *values = static_cast<const float *>(outputs[0].MutableData());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const uint32_t number = static_cast<uint32_t>(outputs[0].ElementNum());
    std::fwrite(&seconds, sizeof(seconds), 1, out);
    std::fwrite(&number, sizeof(number), 1, out);
    std::fwrite(values, sizeof(float), number, out);
    std::fflush(out);
  }
  return 0;
} catch (const std::exception &error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
