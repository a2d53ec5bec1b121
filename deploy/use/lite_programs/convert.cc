// Converts an ONNX file: convert MODEL.onnx OUTPUT NAME:N,C,H,W FP16 [CONFIG], as convert.py does, and can do one thing
// more: full quantisation, which the wheel of 2.0.0 refuses by an oversight (see Build below).
#include <dlfcn.h>

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "include/api/model.h"

namespace mindspore {
namespace converter {
enum FmkType : int { kFmkTypeTf = 0, kFmkTypeCaffe = 1, kFmkTypeOnnx = 2 };
}
// The wheel has the class in libmindspore_converter.so, and no header of it; these are the calls used here.
class Converter {
 public:
  Converter();
  void SetConfigFile(const std::vector<char> &config_file);
  void SetWeightFp16(bool weight_fp16);
  void SetInputShape(const std::map<std::vector<char>, std::vector<int64_t>> &input_shape);
  void SetSaveType(ModelType save_type);
  Status Convert(converter::FmkType fmk_type, const std::vector<char> &model_file, const std::vector<char> &output_file,
                 const std::vector<char> &weight_file);

 private:
  std::shared_ptr<void> data_;
};

// The quantiser runs the model that it has just written, a .ms file, and opens it by the wrong kind. The program's own
// symbol comes before the library's: it opens the file by the right kind.
Status Model::Build(const void *data, size_t size, ModelType type, const std::shared_ptr<Context> &context) {
  using Call = Status (*)(Model *, const void *, size_t, ModelType, const std::shared_ptr<Context> &);
  static const auto call = reinterpret_cast<Call>(
      dlsym(RTLD_NEXT, "_ZN9mindspore5Model5BuildEPKvmNS_9ModelTypeERKSt10shared_ptrINS_7ContextEE"));
  if (call == nullptr) return Status(kLiteError);
  return call(this, data, size, type == kMindIR ? kMindIR_Lite : type, context);
}
}  // namespace mindspore

static std::vector<char> Chars(const std::string &text) { return {text.begin(), text.end()}; }

int main(int argc, char **argv) try {
  if (argc < 5) throw std::runtime_error("usage: convert MODEL.onnx OUTPUT NAME:N,C,H,W FP16 [CONFIG]");
  const std::string shape = argv[3];
  const auto colon = shape.rfind(':');
  std::vector<int64_t> sizes;
  std::stringstream stream(shape.substr(colon + 1));
  for (std::string size; std::getline(stream, size, ',');) sizes.push_back(std::stoll(size));
  mindspore::Converter converter;
  converter.SetSaveType(mindspore::kMindIR_Lite);
  converter.SetInputShape({{Chars(shape.substr(0, colon)), sizes}});
  converter.SetWeightFp16(argv[4][0] == '1');
  if (argc > 5) converter.SetConfigFile(Chars(argv[5]));
  const auto status = converter.Convert(mindspore::converter::kFmkTypeOnnx, Chars(argv[1]), Chars(argv[2]), {});
  if (status != mindspore::kSuccess) throw std::runtime_error(status.ToString());
  return 0;
} catch (const std::exception &error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
