// JPEG and PNG by libjpeg-turbo and libpng: the decoders that training had by Pillow, so the same bits.
#pragma once

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <jpeglib.h>
#include <png.h>

#include "preprocess.h"

#ifndef LIBJPEG_TURBO_VERSION
#error "this libjpeg is not libjpeg-turbo and gives other pixels; compile without SYSTEM_DECODERS"
#endif

constexpr const char *kDecoder = "libjpeg-turbo and libpng";

struct JpegErrors {
  jpeg_error_mgr base;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

inline Picture DecodeJpeg(const std::string &bytes) {
  Picture picture;
  JpegErrors errors;
  jpeg_decompress_struct decoder{};
  decoder.err = jpeg_std_error(&errors.base);
  errors.base.output_message = [](j_common_ptr) {};  // Pillow says nothing about small damage either
  errors.base.error_exit = [](j_common_ptr failed) {
    auto *own = reinterpret_cast<JpegErrors *>(failed->err);
    own->base.format_message(failed, own->message);
    std::longjmp(own->back, 1);
  };
  if (setjmp(errors.back)) {
    jpeg_destroy_decompress(&decoder);
    throw std::runtime_error(errors.message);
  }
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
  jpeg_read_header(&decoder, TRUE);
  decoder.out_color_space = JCS_RGB;
  decoder.dct_method = JDCT_ISLOW;
  decoder.do_fancy_upsampling = TRUE;
  jpeg_start_decompress(&decoder);
  picture.width = static_cast<int>(decoder.output_width);
  picture.height = static_cast<int>(decoder.output_height);
  picture.pixels.resize(static_cast<size_t>(picture.width) * picture.height * 3);
  while (decoder.output_scanline < decoder.output_height) {
    JSAMPROW row = picture.pixels.data() + static_cast<size_t>(decoder.output_scanline) * picture.width * 3;
    jpeg_read_scanlines(&decoder, &row, 1);
  }
  jpeg_finish_decompress(&decoder);
  jpeg_destroy_decompress(&decoder);
  return picture;
}

struct PngSource {
  const std::string &bytes;
  size_t at;
  std::string problem;
};

inline Picture DecodePng(const std::string &bytes) {
  Picture picture;
  std::vector<png_bytep> rows;
  PngSource source{bytes, 0, ""};
  const auto fail = [](png_structp png, png_const_charp message) {
    static_cast<PngSource *>(png_get_error_ptr(png))->problem = message;
    png_longjmp(png, 1);
  };
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, fail, [](png_structp, png_const_charp) {});
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  if (info == nullptr || setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, nullptr);
    throw std::runtime_error(info == nullptr && source.problem.empty() ? "libpng does not start" : source.problem);
  }
  png_set_read_fn(png, &source, [](png_structp reader, png_bytep target, size_t size) {
    auto *own = static_cast<PngSource *>(png_get_io_ptr(reader));
    if (size > own->bytes.size() - own->at) png_error(reader, "the file is cut off");
    std::memcpy(target, own->bytes.data() + own->at, size);
    own->at += size;
  });
  png_read_info(png, info);
  png_set_expand(png);       // palettes, few bits and transparent colours
  png_set_strip_16(png);     // keeps the high 8 bits
  png_set_strip_alpha(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  picture.width = static_cast<int>(png_get_image_width(png, info));
  picture.height = static_cast<int>(png_get_image_height(png, info));
  picture.pixels.resize(static_cast<size_t>(picture.width) * picture.height * 3);
  for (int y = 0; y < picture.height; ++y) rows.push_back(picture.pixels.data() + static_cast<size_t>(y) * picture.width * 3);
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
  png_destroy_read_struct(&png, &info, nullptr);
  return picture;
}
