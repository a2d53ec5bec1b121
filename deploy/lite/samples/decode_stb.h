// JPEG and PNG by stb_image, for devices without libjpeg-turbo and libpng.
#pragma once

#include <stdexcept>
#include <string>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include "preprocess.h"
#include "third_party/stb_image.h"

constexpr const char *kDecoder = "stb_image (JPEG pixels differ from libjpeg-turbo's by some gray levels)";

inline Picture DecodeByStb(const std::string &bytes) {
  Picture picture;
  int channels = 0;
  const auto *data = reinterpret_cast<const stbi_uc *>(bytes.data());
  stbi_uc *pixels = stbi_load_from_memory(data, static_cast<int>(bytes.size()), &picture.width, &picture.height, &channels, 3);
  if (pixels == nullptr) throw std::runtime_error(stbi_failure_reason());
  picture.pixels.assign(pixels, pixels + static_cast<size_t>(picture.width) * picture.height * 3);
  stbi_image_free(pixels);
  return picture;
}

inline Picture DecodeJpeg(const std::string &bytes) { return DecodeByStb(bytes); }
inline Picture DecodePng(const std::string &bytes) { return DecodeByStb(bytes); }
