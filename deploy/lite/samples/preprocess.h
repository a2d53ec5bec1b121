// A picture as the network wants it, bit for bit as in training: see preprocessing.json of the bundle.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Picture {  // RGB, 8 bits a channel, row by row
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;
};

struct Preprocessing {
  bool gray = false;
  int resize = 0;  // shorter side; 0 keeps the size
  int side = 0, pad = 0;
  std::vector<float> mean, std;
};

inline std::string ReadText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The text after "key": in a JSON object that holds no other objects.
inline std::string JsonValue(const std::string &json, const std::string &key) {
  const auto name = json.find("\"" + key + "\"");
  if (name == std::string::npos) throw std::runtime_error("preprocessing.json lacks " + key);
  const auto start = json.find_first_not_of(" \n\t", json.find(':', name) + 1);
  return json.substr(start, json[start] == '[' ? json.find(']', start) - start : json.find_first_of(",}\n", start) - start);
}

inline std::vector<float> JsonNumbers(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '[' || c == ','; }, ' ');
  std::stringstream stream(text);
  std::vector<float> numbers;
  for (double number; stream >> number;) numbers.push_back(static_cast<float>(number));
  return numbers;
}

inline Preprocessing ReadPreprocessing(const std::string &path) {
  const std::string json = ReadText(path);
  Preprocessing spec;
  spec.gray = JsonValue(json, "color").find("gray") != std::string::npos;
  const std::string resize = JsonValue(json, "resize");
  spec.resize = resize.rfind("null", 0) == 0 ? 0 : std::stoi(resize);
  spec.side = std::stoi(JsonValue(json, "image_size"));
  spec.pad = std::stoi(JsonValue(json, "pad"));
  spec.mean = JsonNumbers(JsonValue(json, "mean"));
  spec.std = JsonNumbers(JsonValue(json, "std"));
  return spec;
}

inline double Cubic(double x) {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

// Resizes one axis with Pillow's antialiased bicubic filter, in its fixed-point arithmetic.
inline Picture ResizeAxis(const Picture &in, int size, bool columns) {
  const int length = columns ? in.height : in.width;
  if (size == length) return in;
  Picture out{columns ? in.width : size, columns ? size : in.height, {}};
  out.pixels.resize(static_cast<size_t>(out.width) * out.height * 3);
  const double scale = static_cast<double>(length) / size, stretch = std::max(scale, 1.0), support = 2 * stretch;
  const int step = columns ? in.width * 3 : 3, lines = columns ? in.width : in.height;
  for (int place = 0; place < size; ++place) {
    const double centre = (place + 0.5) * scale;
    const int first = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int last = std::min(static_cast<int>(centre + support + 0.5), length);
    std::vector<double> weights;
    double sum = 0;
    for (int i = first; i < last; ++i) {
      weights.push_back(Cubic((i - centre + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    std::vector<int> fixed;
    for (double weight : weights) fixed.push_back(static_cast<int>(weight / sum * (1 << 22) + (weight < 0 ? -0.5 : 0.5)));
    for (int line = 0; line < lines; ++line) {
      const size_t from = columns ? static_cast<size_t>(line) * 3 : static_cast<size_t>(line) * in.width * 3;
      const size_t to = columns ? (static_cast<size_t>(place) * out.width + line) * 3
                                : (static_cast<size_t>(line) * out.width + place) * 3;
      for (int channel = 0; channel < 3; ++channel) {
        int total = 1 << 21;
        for (int i = first; i < last; ++i)
          total += in.pixels[from + static_cast<size_t>(i) * step + channel] * fixed[i - first];
        out.pixels[to + channel] = static_cast<uint8_t>(std::clamp(total >> 22, 0, 255));
      }
    }
  }
  return out;
}

// Returns C planes of side x side values.
inline std::vector<float> Preprocess(Picture picture, const Preprocessing &spec) {
  if (spec.resize) {
    const float width = picture.width, height = picture.height, shorter = spec.resize;
    const int new_width = width < height ? spec.resize : static_cast<int>(width / height * shorter);
    const int new_height = width < height ? static_cast<int>(height / width * shorter) : spec.resize;
    picture = ResizeAxis(ResizeAxis(picture, new_width, false), new_height, true);
  }
  const int side = spec.side, planes = spec.gray ? 1 : 3;
  const auto start = [&](int length) {  // of the crop; negative where the picture is too small
    const int surplus = length + 2 * spec.pad - side;
    return (surplus < 0 ? -(-surplus - -surplus / 2) : surplus / 2) - spec.pad;
  };
  const int top = start(picture.height), left = start(picture.width);
  std::vector<float> input(static_cast<size_t>(planes) * side * side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      uint32_t rgb[3] = {0, 0, 0};
      const int row = y + top, column = x + left;
      if (row >= 0 && row < picture.height && column >= 0 && column < picture.width)
        for (int c = 0; c < 3; ++c) rgb[c] = picture.pixels[(static_cast<size_t>(row) * picture.width + column) * 3 + c];
      if (spec.gray) rgb[0] = (9798 * rgb[0] + 19235 * rgb[1] + 3735 * rgb[2] + (1 << 14)) >> 15;
      for (int c = 0; c < planes; ++c) {
        const float scaled = static_cast<float>(rgb[c]) * static_cast<float>(1.0 / 255);
        input[(static_cast<size_t>(c) * side + y) * side + x] = (scaled - spec.mean[c]) / spec.std[c];
      }
    }
  }
  return input;
}
