"""The decoders that may run: those of recordings. FFmpeg has 500, most for games, pictures and devices of long ago."""

_VIDEO = (
    "apng av1 cfhd cinepak dirac dnxhd dvvideo ffv1 ffvhuff flashsv flashsv2 flv gif h261 h263 h263i h263p h264 hap "
    "hevc huffyuv indeo3 indeo4 indeo5 libdav1d libvpx libvpx-vp9 magicyuv mjpeg mjpegb mpeg1video mpeg2video mpeg4 "
    "mpegvideo msmpeg4 msmpeg4v1 msmpeg4v2 msrle msvideo1 png prores qtrle rawvideo rpza rv10 rv20 rv30 rv40 snow "
    "svq1 svq3 theora utvideo v210 v308 v408 v410 vc1 vc1image vp3 vp4 vp5 vp6 vp6a vp6f vp7 vp8 vp9 vvc wmv1 wmv2 "
    "wmv3 wmv3image zmbv tscc2 camtasia mss1 mss2 jpeg2000 speedhq y41p yuv4 r210 cljr 8bps webp"
)
_AUDIO = (
    "aac aac_fixed aac_latm ac3 ac3_fixed adpcm_adx adpcm_g722 adpcm_g726 adpcm_ima_qt adpcm_ima_wav adpcm_ms "
    "adpcm_swf adpcm_yamaha alac als amrnb amrwb ape aptx aptx_hd atrac1 atrac3 atrac3plus cook dca dolby_e "
    "dsd_lsbf dsd_lsbf_planar dsd_msbf dsd_msbf_planar eac3 flac g722 g723_1 g726 g726le g729 gsm gsm_ms ilbc "
    "libopencore_amrnb libopencore_amrwb libopus mace3 mace6 mlp mp1 mp1float mp2 mp2float mp3 mp3float mp3adu "
    "mp3adufloat mp3on4 mp3on4float mpc7 mpc8 nellymoser opus pcm_alaw pcm_bluray pcm_dvd pcm_f16le pcm_f24le "
    "pcm_f32be pcm_f32le pcm_f64be pcm_f64le pcm_mulaw pcm_s16be pcm_s16be_planar pcm_s16le pcm_s16le_planar "
    "pcm_s24be pcm_s24daud pcm_s24le pcm_s24le_planar pcm_s32be pcm_s32le pcm_s32le_planar pcm_s64be pcm_s64le "
    "pcm_s8 pcm_s8_planar pcm_u16be pcm_u16le pcm_u24be pcm_u24le pcm_u32be pcm_u32le pcm_u8 qcelp qdm2 qdmc "
    "real_144 real_288 s302m sbc shorten sipr speex tak truehd truespeech tta vorbis wavpack wmalossless wmapro "
    "wmav1 wmav2 wmavoice"
)
ALLOWED = ",".join(f"{_VIDEO} {_AUDIO}".split())  # as FFmpeg's option codec_whitelist has it
